import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { specs } from "../../src/cli/index.ts";
import { decodeServerConfig, parseDocument, Registry } from "../../src/registry/server/index.ts";

const page = readFileSync(join(import.meta.dir, "../../docs/registry.md"), "utf8");
const settings = page.slice(page.indexOf("## Settings"), page.indexOf("## Webhooks"));
const rows = [...settings.matchAll(/^\| `([a-z][\w.[\]]*)` \| ([^|]*)\|/gim)].map(([, setting, flags]) => ({
  setting: setting!,
  flags: flags!,
}));

/** What the decoder says it knows at a place, from its own error. */
function knownAt(value: unknown): string[] {
  try {
    decodeServerConfig(value);
  } catch (error) {
    return (error as { hint?: string }).hint?.replace(/^known are /, "").split(", ") ?? [];
  }
  return [];
}

test("docs/registry.md names every setting that is known, and no other", () => {
  const unknown = { xxxxxxxxxxxx: 1 };
  const places: [string, unknown][] = [
    ["", unknown],
    ["storage.", { storage: unknown }],
    ["tls.", { tls: unknown }],
    ["access.", { access: unknown }],
    ["access.admins.", { access: { admins: unknown } }],
    ["access.token.", { access: { token: unknown } }],
    ["access.policies[].", { access: { policies: [unknown] } }],
    ["access.immutableTags[].", { access: { immutableTags: [unknown] } }],
    ["access.quotas[].", { access: { quotas: [unknown] } }],
    ["access.rateLimit.", { access: { rateLimit: unknown } }],
    ["access.loginLimit.", { access: { loginLimit: unknown } }],
    ["collection.", { collection: unknown }],
    ["retention[].", { retention: [unknown] }],
    ["scrub.", { scrub: unknown }],
    ["webhooks[].", { webhooks: [unknown] }],
    ["metrics.", { metrics: unknown }],
    ["proxy[].", { proxy: [unknown] }],
  ];
  const prefixes = places.map(([prefix]) => prefix.replace(/(\[\])?\.$/, ""));
  const known = places.flatMap(([prefix, value]) => knownAt(value).map((name) => prefix + name));
  expect(known.length).toBeGreaterThan(60);
  // A table's own name need not be a row, and rows of free names end in NAME.
  const documented = rows.map(({ setting }) => setting.replace(/\.NAME$/, ""));
  const missing = known.filter((name) => !documented.includes(name) && !prefixes.includes(name));
  expect(missing).toEqual([]);
  expect(
    documented.filter((name) => name !== "access.token" && !known.includes(name) && !prefixes.includes(name)),
  ).toEqual([]);
});

test("its flags exist, and every flag of serve is there", () => {
  const serve = specs.find(({ name }) => name === "registry serve")!;
  const named = rows.flatMap(({ flags }) => [...flags.matchAll(/--([a-z0-9-]+)/g)].map(([, flag]) => flag!));
  expect(named.filter((flag) => !Object.hasOwn(serve.flags, flag))).toEqual([]);
  const flags = Object.keys(serve.flags).filter((flag) => flag !== "config");
  expect(flags.filter((flag) => !named.includes(flag))).toEqual([]);
});

test("its example is a configuration", () => {
  const [, example] = /```toml\n([\s\S]*?)```/.exec(page)!;
  const config = decodeServerConfig(parseDocument("registry.toml", example!));
  expect(config).toMatchObject({
    listen: ":5000",
    access: { htpasswd: "users" },
    scrub: { every: 604_800_000 },
  });
});

test("its metrics are those that are served", async () => {
  const proxy = [{ prefix: "elsewhere", upstream: "http://127.0.0.1:1" }];
  await using registry = await Registry.start({ proxy });
  const served = await (await fetch(`${registry.url}metrics`)).text();
  const names = [...served.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
  const table = page.slice(page.indexOf("## Metrics"), page.indexOf("Worth an alert"));
  const documented = [...table.matchAll(/`([a-z_]+)(?:\{[a-z,]+\})?`/g)]
    .map(([, name]) => name!)
    .filter((name) => /^(strake|process)_/.test(name));
  expect(documented.sort()).toEqual(names.sort());
});
