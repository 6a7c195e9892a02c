import { expect, test } from "bun:test";
import { decodeServerConfig } from "./decode.ts";
import { mergeDocuments, parseDocument } from "./document.ts";

const problem = (value: unknown) => {
  try {
    decodeServerConfig(value);
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
};
const config = (text: string) => decodeServerConfig(parseDocument("r.toml", text));

test("everything a file can say", () => {
  const decoded = config(`
    listen = ":5000"
    open = true
    sparse = true
    log = "/var/log/registry.log"
    stopTimeout = "1m30s"
    [storage]
    driver = "s3"
    bucket = "images"
    prefix = "team/a"
    endpoint = "https://s3.example"
    region = "eu-1"
    [tls]
    cert = "cert.pem"
    key = "key.pem"
    [access]
    htpasswd = "users"
    publicMetrics = true
    rateLimit = { requests = 10, seconds = 1 }
    [[access.immutableTags]]
    repositories = ["**"]
    tags = ["v*"]
    [collection]
    every = "6h"
    grace = "2h"
    undo = "2w"
    untagged = "collect"
    uploads = "500ms"
    [[retention]]
    repositories = "team/**"
    tags = "pr-*"
    keepLast = 0
    keepWithin = "30d"
    [scrub]
    every = "7d"
    quarantine = true
    [[webhooks]]
    url = "https://hook.example/x"
    secretFile = "secret"
    events = ["manifest.pushed"]
    repositories = "team/**"
    headers = { Authorization = "Bearer x" }
    [metrics]
    listen = "127.0.0.1:9090"
  `);
  expect(decoded).toEqual({
    ...{ listen: ":5000", open: true, sparse: true, log: "/var/log/registry.log", stopTimeout: 90_000 },
    storage: {
      ...{ driver: "s3", bucket: "images", prefix: "team/a/" },
      ...{ endpoint: "https://s3.example", region: "eu-1" },
    },
    tls: { cert: "cert.pem", key: "key.pem" },
    access: {
      htpasswd: "users",
      publicMetrics: true,
      rateLimit: { requests: 10, seconds: 1 },
      immutableTags: [{ repositories: ["**"], tags: ["v*"] }],
      // A password file alone lets its users do everything.
      policies: [{ repositories: ["**"], actions: ["pull", "push", "delete"], authenticated: true }],
    },
    collection: {
      ...{ every: 21_600_000, grace: 7_200_000, undo: 1_209_600_000, untagged: "collect", uploads: 500 },
      retention: [{ repositories: "team/**", tags: "pr-*", keepLast: 0, keepWithin: 2_592_000_000 }],
    },
    scrub: { every: 604_800_000, quarantine: true },
    webhooks: [
      {
        ...{ url: "https://hook.example/x", secretFile: "secret", events: ["manifest.pushed"] },
        ...{ repositories: "team/**", headers: { Authorization: "Bearer x" } },
      },
    ],
    metrics: { listen: "127.0.0.1:9090" },
  });
});

test("seconds are a number or a time span", () => {
  const { access } = config(`
    [access.token]
    lifetime = "15m"
    refreshLifetime = 3600
    [access]
    rateLimit = { requests = 10, seconds = "1m30s" }
  `);
  expect(access).toEqual({
    token: { lifetime: 900, refreshLifetime: 3600 },
    rateLimit: { requests: 10, seconds: 90 },
  });
});

test.each([
  [{ storge: {} }, "storge: there is no such setting"],
  [{ storage: { driver: "gcs" } }, 'storage.driver: "gcs" is not one of files, memory, s3'],
  [{ storage: { driver: "s3" } }, "storage: bucket is missing"],
  [{ storage: { driver: "files", bucket: "x" } }, "storage.bucket: the files driver has no such setting"],
  [{ trustedProxies: ["10.0.0.0/33"] }, 'trustedProxies[0]: "10.0.0.0/33" is no address and no network'],
  [{ storage: { redirect: true } }, "storage.redirect: the files driver has no such setting"],
  [
    { storage: { bucket: "abc", publicEndpoint: "https://x" } },
    "storage.publicEndpoint: nobody is sent there",
  ],
  [{ storage: { bucket: "../x" } }, "storage.bucket:"],
  [{ listen: "5000" }, "listen:"],
  [{ listen: ":70000" }, "ports end at 65535"],
  [{ tls: { cert: "x" } }, "tls: key is missing"],
  [{ open: "no" }, "open: this has to be true or false"],
  [{ access: { policies: [{ repositories: ["**"], actions: ["fly"] }] } }, "access.policies[0].actions[0]:"],
  [{ access: { htpasswd: 1 } }, "access.htpasswd:"],
  [{ collection: { every: "soon" } }, 'collection.every: "soon" is not a time span'],
  [{ collection: { every: "6" } }, "collection.every:"],
  [{ collection: { every: "10ms" } }, "collection.every: it would never rest"],
  [{ access: { token: { lifetime: 59 } } }, "access.token.lifetime: it is shorter than 60 seconds"],
  [{ access: { token: { lifetime: "soon" } } }, 'access.token.lifetime: "soon" is not a time span'],
  [{ access: { token: { refreshLifetime: "500ms" } } }, "access.token.refreshLifetime:"],
  [{ access: { rateLimit: { requests: 1, seconds: 0.5 } } }, "access.rateLimit.seconds:"],
  [{ retention: [{ tags: "x" }] }, "retention[0]: it does not say what is kept"],
  [{ retention: [{ keepLast: -1 }] }, "retention[0].keepLast:"],
  [{ retention: {} }, "retention: this has to be a list"],
  [{ scrub: {} }, "scrub: every is missing"],
  [{ webhooks: [{ url: "file:///etc/hidden" }] }, "webhooks[0].url: this has to be an http or https URL"],
  [{ webhooks: [{ url: "http://x", secret: "a", secretFile: "b" }] }, "webhooks[0]: it has a secret and"],
  [{ webhooks: [{ url: "http://x", events: ["push"] }] }, "webhooks[0].events[0]:"],
  [{ webhooks: [{ url: "http://x", headers: { "a b": "c" } }] }, "webhooks[0].headers.a b:"],
  [{ webhooks: [{ url: "http://x", headers: { a: "b\r\nc: d" } }] }, "webhooks[0].headers.a:"],
  [[], "the configuration: this has to be an object"],
] as const)("%j is refused with its place", (value, message) => {
  expect(problem(value)).toContain(message);
});

test("what is wrong with a URL or a secret is said without repeating it", () => {
  expect(problem({ webhooks: [{ url: "ftp://user:hunter2@x" }] })).not.toContain("hunter2");
  expect(problem({ webhooks: [{ url: "http://x", headers: { a: "hunter2\n" } }] })).not.toContain("hunter2");
});

test("a file that cannot be parsed: where", () => {
  expect(() => parseDocument("r.toml", 'listen = ":5000"\n[access]\nhtpasswd = \n')).toThrow("r.toml:3:");
  expect(() => parseDocument("r.toml", "a = [\n  1,\n]\nb = 1\nb = 2\nc = 1\n")).toThrow("r.toml:5:");
  expect(() => parseDocument("r.json", "{")).toThrow("r.json:");
  expect(parseDocument("r.json", '{"open": true}')).toEqual({ open: true });
});

test("settings over those of the file", () => {
  const below = { listen: ":1", access: { htpasswd: "a", policies: [1] } };
  expect(mergeDocuments(below, { listen: ":2", access: { policies: [2] } })).toEqual({
    listen: ":2",
    access: { htpasswd: "a", policies: [2] },
  });
});
