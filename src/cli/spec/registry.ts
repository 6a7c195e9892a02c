import { command, type Flags } from "../command.ts";
import { formatFlag } from "./shared-flags.ts";

/** Which registry a command is about: the same words for serving it and for working on it. */
export const registryPlaceFlags = {
  config: {
    type: "string",
    short: "c",
    value: "FILE",
    completes: "file",
    help: "configuration file: TOML, or JSON when it ends in .json; flags replace its settings",
  },
  storage: {
    type: "string",
    value: "WHERE",
    completes: "folder",
    help: "files, memory, s3, a folder, or s3://BUCKET[/PREFIX]; S3 credentials are looked for as AWS's SDKs do",
  },
  root: {
    type: "string",
    value: "DIR",
    completes: "folder",
    default: "a folder beside the data root",
    help: "the folder of a registry of files",
  },
  "s3-bucket": { type: "string", value: "NAME", help: "the bucket, where --storage does not name it" },
  "s3-endpoint": { type: "string", value: "URL", default: "AWS_ENDPOINT_URL", help: "the S3 server" },
  "s3-region": { type: "string", value: "NAME", default: "AWS_REGION", help: "its region" },
} as const satisfies Flags;

export const registryServeFlags = {
  ...registryPlaceFlags,
  listen: {
    type: "string",
    short: "l",
    value: "ADDRESS:PORT",
    default: "127.0.0.1:5000",
    help: "where to listen",
  },
  open: { type: "boolean", help: "serve other machines although nobody is asked who they are" },
  "tls-cert": { type: "string", value: "FILE", completes: "file", help: "certificate chain, PEM" },
  "tls-key": { type: "string", value: "FILE", completes: "file", help: "its key, PEM" },
  "tls-client-ca": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "serve only who shows a certificate of these authorities, PEM",
  },
  htpasswd: {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "users, as `strake registry htpasswd` writes them; they may do everything unless there are policies",
  },
  admin: { type: "strings", value: "USER", help: "may make robots and read the metrics" },
  token: { type: "boolean", help: "trade passwords for short-lived tokens" },
  "anonymous-pull": { type: "boolean", help: "anybody may pull" },
  "rate-limit": { type: "string", value: "N/TIME", help: "requests of one user or address, such as 600/1m" },
  "immutable-tags": { type: "strings", value: "GLOB", help: "tags that, once there, neither move nor go" },
  "gc-interval": { type: "string", value: "TIME", help: "collect what nothing needs so often" },
  "gc-grace": {
    type: "string",
    value: "TIME",
    default: "1h",
    help: "keep what nothing needs for so long: longer than a push takes",
  },
  "gc-untagged": { type: "boolean", help: "collect manifests that no tag leads to" },
  undo: { type: "string", value: "TIME", default: "7d", help: "deleted images can be had back for so long" },
  "scrub-interval": { type: "string", value: "TIME", help: "read everything and compare it so often" },
  webhook: { type: "strings", value: "URL", help: "told of pushes and deletions" },
  proxy: {
    type: "strings",
    value: "PREFIX=URL",
    help: "serve and keep the images of another registry below PREFIX, for example docker.io=https://registry-1.docker.io",
  },
  "s3-redirect": {
    type: "boolean",
    help: "send who pulls a blob larger than 1 MiB to the S3 server for it",
  },
  "s3-public-endpoint": {
    type: "string",
    value: "URL",
    default: "--s3-endpoint",
    help: "the S3 server as they reach it",
  },
  "metrics-listen": {
    type: "string",
    value: "ADDRESS:PORT",
    help: "serve metrics and health there, too, without asking who one is",
  },
  "trusted-proxy": {
    type: "strings",
    value: "NETWORK",
    help: "believe X-Forwarded-For and X-Forwarded-Proto of proxies there, such as 10.0.0.0/8",
  },
  "stop-timeout": {
    type: "string",
    value: "TIME",
    default: "30s",
    help: "what is being answered may take so long after a SIGTERM",
  },
  sparse: { type: "boolean", help: "accept images whose blobs are not all here" },
  log: {
    type: "string",
    value: "WHERE",
    completes: "file",
    default: "stdout",
    help: "access log: stdout, none, or a file, opened again with SIGHUP",
  },
  quiet: { type: "boolean", short: "q", help: "write no access log" },
} as const satisfies Flags;

export const registryGCFlags = {
  ...registryPlaceFlags,
  "dry-run": { type: "boolean", help: "say what would go, and let it be" },
  untagged: { type: "boolean", help: "collect manifests that no tag leads to" },
  ...formatFlag,
} as const satisfies Flags;

export const registryRetainFlags = {
  ...registryPlaceFlags,
  "dry-run": { type: "boolean", help: "say which tags would go, and let them be" },
  "keep-last": {
    type: "number",
    value: "N",
    help: "keep the tags pushed last, in place of the configured rules",
  },
  "keep-within": { type: "string", value: "TIME", help: "keep tags pushed within this time" },
  repositories: { type: "string", value: "GLOB", help: "of these repositories only" },
  tags: { type: "string", value: "GLOB", help: "of these tags only" },
  ...formatFlag,
} as const satisfies Flags;

export const registryScrubFlags = {
  ...registryPlaceFlags,
  quarantine: { type: "boolean", help: "move what is damaged aside, so that the next push brings it again" },
  ...formatFlag,
} as const satisfies Flags;

export const registryTrashFlags = { ...registryPlaceFlags, ...formatFlag } as const satisfies Flags;

export const registryRobotFlags = {
  ...registryPlaceFlags,
  repository: { type: "strings", value: "GLOB", help: "create: what it may reach" },
  action: {
    type: "strings",
    value: "ACTION",
    choices: ["pull", "push", "delete"],
    help: "create: what it may do there",
  },
  lifetime: { type: "string", value: "TIME", default: "90d", help: "create: when it ends" },
  ...formatFlag,
} as const satisfies Flags;

export const registryHtpasswdFlags = {
  "password-stdin": { type: "boolean", help: "read the password from standard input" },
  cost: { type: "number", value: "N", default: "10", help: "bcrypt's cost, 4 to 17" },
} as const satisfies Flags;

export const registrySpecs = [
  command({
    name: "registry serve",
    group: "Registries",
    summary: "Serve a registry of images",
    description:
      "Speaks the OCI distribution-spec. Writes one line of JSON for each request to stdout; metrics are at /metrics, health at /healthz and /readyz. Any number of replicas may serve one S3 bucket. SIGHUP, or a change of the configuration file or the certificate, makes it read them again; SIGTERM lets what is being answered finish. docs/registry.md has every setting.",
    args: [],
    flags: registryServeFlags,
    examples: [
      "strake registry serve --root ./images",
      "strake registry serve --listen :5000 --htpasswd users --anonymous-pull --tls-cert cert.pem --tls-key key.pem",
      "strake registry serve --config /etc/strake/registry.toml",
      "strake registry serve --proxy docker.io=https://registry-1.docker.io --proxy quay.io=https://quay.io",
      "strake registry serve --listen :5000 --open --storage s3://images/team",
    ],
    load: async () => (await import("../commands/registry-serve.ts")).registryServe,
  }),
  command({
    name: "registry check-config",
    aliases: ["registry verify"],
    group: "Registries",
    summary: "Check a registry's configuration without serving it",
    args: [{ name: "FILE", completes: "file" }],
    flags: {},
    load: async () => (await import("../commands/registry-check-config.ts")).registryCheckConfig,
  }),
  command({
    name: "registry gc",
    aliases: ["registry garbage-collect"],
    group: "Registries",
    summary: "Take what nothing in a registry needs, while it serves",
    description:
      "What was deleted stays for the undo time, and what nothing needs for the grace period: a blob goes at the second collection after it.",
    args: [],
    flags: registryGCFlags,
    examples: ["strake registry gc --root ./images --dry-run"],
    load: async () => (await import("../commands/registry-gc.ts")).registryGC,
  }),
  command({
    name: "registry retain",
    group: "Registries",
    summary: "Delete the tags of a registry that no retention rule keeps",
    args: [],
    flags: registryRetainFlags,
    examples: ["strake registry retain --dry-run --tags 'pr-*' --keep-last 10 --keep-within 30d"],
    load: async () => (await import("../commands/registry-retain.ts")).registryRetain,
  }),
  command({
    name: "registry scrub",
    group: "Registries",
    summary: "Read everything in a registry and find what has changed on the medium",
    args: [],
    flags: registryScrubFlags,
    load: async () => (await import("../commands/registry-scrub.ts")).registryScrub,
  }),
  command({
    name: "registry trash",
    group: "Registries",
    summary: "Have back what was deleted from a registry, or give it up",
    args: [
      { name: "list|restore|empty" },
      { name: "REPOSITORY", optional: true },
      { name: "DIGEST", optional: true },
    ],
    flags: registryTrashFlags,
    examples: ["strake registry trash list", "strake registry trash restore team/app sha256:…"],
    load: async () => (await import("../commands/registry-trash.ts")).registryTrash,
  }),
  command({
    name: "registry robot",
    group: "Registries",
    summary: "Make, list and revoke accounts of programs",
    args: [{ name: "create|list|revoke" }, { name: "NAME", optional: true }],
    flags: registryRobotFlags,
    examples: ["strake registry robot create ci --repository 'team/**' --action pull --action push"],
    load: async () => (await import("../commands/registry-robot.ts")).registryRobot,
  }),
  command({
    name: "registry htpasswd",
    group: "Registries",
    summary: "Print a user's line for the password file",
    args: [{ name: "USER" }],
    flags: registryHtpasswdFlags,
    examples: ["strake registry htpasswd ann >> users"],
    load: async () => (await import("../commands/registry-htpasswd.ts")).registryHtpasswd,
  }),
];
