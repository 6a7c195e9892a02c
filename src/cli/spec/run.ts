import { command, type Flags } from "../command.ts";

export const createFlags = {
  name: { type: "string", value: "NAME", help: "the container's name" },
  env: { type: "strings", short: "e", value: "NAME[=VALUE]", help: "an environment variable" },
  "env-file": { type: "strings", value: "FILE", completes: "file", help: "a file of environment variables" },
  workdir: { type: "string", short: "w", value: "PATH", help: "the folder the command starts in" },
  user: { type: "string", short: "u", value: "USER[:GROUP]", help: "whom the command runs as" },
  volume: {
    type: "strings",
    short: "v",
    value: "[SOURCE:]PATH[:ro]",
    help: "a folder of the host or a volume",
  },
  mount: { type: "strings", value: "type=…,source=…,target=…", help: "a mount, written out" },
  tmpfs: { type: "strings", value: "PATH[:OPTIONS]", help: "a file system in memory" },
  publish: { type: "strings", short: "p", value: "[ADDRESS:]HOST:PORT", help: "publish a port on the host" },
  "publish-all": { type: "boolean", short: "P", help: "publish every exposed port on a free one" },
  expose: { type: "strings", value: "PORT", help: "expose a port" },
  network: {
    type: "string",
    value: "MODE",
    choices: ["bridge", "host", "none"],
    default: "bridge",
    help: "the network",
  },
  entrypoint: { type: "string", value: "COMMAND", help: "in place of the image's ENTRYPOINT" },
  interactive: { type: "boolean", short: "i", help: "keep stdin open" },
  tty: { type: "boolean", short: "t", help: "give it a terminal" },
  rm: { type: "boolean", help: "remove the container when it is over" },
  hostname: { type: "string", short: "h", value: "NAME", help: "the container's host name" },
  label: { type: "strings", short: "l", value: "NAME=VALUE", help: "a label of the container" },
  "read-only": { type: "boolean", help: "the root file system cannot be written" },
  privileged: { type: "boolean", help: "all capabilities and devices" },
  "cap-add": { type: "strings", value: "CAPABILITY", help: "add a capability" },
  "cap-drop": { type: "strings", value: "CAPABILITY", help: "take a capability away" },
  "security-opt": {
    type: "strings",
    value: "OPTION",
    help: "no-new-privileges or seccomp=unconfined",
  },
  "add-host": {
    type: "strings",
    value: "NAME:ADDRESS",
    help: "a line of /etc/hosts; the address host-gateway is this machine's",
  },
  dns: { type: "strings", value: "ADDRESS", help: "a name server" },
  "dns-search": { type: "strings", value: "DOMAIN", help: "a search domain" },
  "dns-option": { type: "strings", value: "OPTION", help: "an option of resolv.conf" },
  "shm-size": { type: "string", value: "SIZE", help: "size of /dev/shm, for example 64m" },
  "stop-signal": { type: "string", value: "SIGNAL", help: "what stop sends" },
  "stop-timeout": { type: "number", value: "SECONDS", help: "how long stop waits before it kills" },
  pull: {
    type: "string",
    value: "WHEN",
    choices: ["always", "missing", "never"],
    default: "missing",
    help: "when to get the image from its registry",
  },
} as const satisfies Flags;

export const runFlags = {
  ...createFlags,
  detach: { type: "boolean", short: "d", help: "leave it running and print its id" },
  cidfile: { type: "string", value: "FILE", completes: "file", help: "write the container's id to a file" },
  "sig-proxy": { type: "boolean", help: "accepted; signals are always passed on", hidden: true },
} as const satisfies Flags;

const runArguments = [
  { name: "IMAGE", completes: "image" },
  { name: "COMMAND", optional: true, repeat: true },
] as const;

export const runSpecs = [
  command({
    name: "run",
    aliases: ["container run"],
    group: "Build and run",
    summary: "Run a command in a new container",
    description:
      "The exit code is the command's. 125: strake could not run it, 126: it is not executable, 127: it does not exist, 128+n: signal n ended it.",
    args: runArguments,
    flags: runFlags,
    stopsAtFirstArgument: true,
    movesProcesses: true,
    failureCode: 125,
    examples: ["strake run --rm -it debian:bookworm bash", "strake run -d -p 5000:5000 --name web app"],
    load: async () => (await import("../commands/run.ts")).run,
  }),
  command({
    name: "create",
    aliases: ["container create"],
    group: "Build and run",
    summary: "Make a container without starting it",
    args: runArguments,
    flags: createFlags,
    stopsAtFirstArgument: true,
    failureCode: 125,
    load: async () => (await import("../commands/create.ts")).create,
  }),
];
