import { command, type Flags } from "../command.ts";
import { listFlags, shortFormatFlag } from "./shared-flags.ts";

export const psFlags = {
  all: { type: "boolean", short: "a", help: "those that do not run too" },
  filter: {
    type: "strings",
    short: "f",
    value: "NAME=VALUE",
    help: "only those with id, name, status, ancestor, label, exited, volume, network, publish, before or since as given",
  },
  last: { type: "number", short: "n", value: "N", help: "the newest N, in any state" },
  latest: { type: "boolean", short: "l", help: "the newest one, in any state" },
  size: { type: "boolean", short: "s", help: "what each wrote itself, and that with its image" },
  ...listFlags,
} as const satisfies Flags;

export const logsFlags = {
  follow: { type: "boolean", short: "f", help: "go on with what comes" },
  tail: { type: "string", short: "n", value: "N", default: "all", help: "the last N lines" },
  timestamps: { type: "boolean", short: "t", help: "with the time of each line" },
  since: { type: "string", value: "TIME", help: "from a time (RFC 3339) or a while ago (10m)" },
  until: { type: "string", value: "TIME", help: "up to a time or a while ago" },
} as const satisfies Flags;

export const execFlags = {
  detach: { type: "boolean", short: "d", help: "do not wait for it" },
  env: { type: "strings", short: "e", value: "NAME[=VALUE]", help: "an environment variable" },
  "env-file": { type: "strings", value: "FILE", completes: "file", help: "a file of environment variables" },
  interactive: { type: "boolean", short: "i", help: "keep stdin open" },
  tty: { type: "boolean", short: "t", help: "give it a terminal" },
  privileged: { type: "boolean", help: "all capabilities" },
  user: { type: "string", short: "u", value: "USER[:GROUP]", help: "whom the command runs as" },
  workdir: { type: "string", short: "w", value: "PATH", help: "the folder the command starts in" },
} as const satisfies Flags;

export const stopFlags = {
  time: { type: "number", short: "t", value: "SECONDS", help: "how long to wait before killing" },
  timeout: { type: "number", value: "SECONDS", help: "docker's newer word for --time", hidden: true },
  signal: { type: "string", short: "s", value: "SIGNAL", help: "what to send first" },
} as const satisfies Flags;

export const startFlags = {
  attach: { type: "boolean", short: "a", help: "show its output and pass signals on" },
  interactive: { type: "boolean", short: "i", help: "hand it our stdin" },
} as const satisfies Flags;

export const attachFlags = {
  "no-stdin": { type: "boolean", help: "keep our stdin to ourselves" },
  "detach-keys": {
    type: "string",
    value: "KEYS",
    default: "ctrl-p,ctrl-q",
    help: "what leaves a container that was run with -i running",
  },
  "sig-proxy": {
    type: "string",
    value: "BOOLEAN",
    choices: ["true", "false"],
    default: "true",
    help: "pass signals such as Ctrl-C on to it, where it has no terminal",
  },
} as const satisfies Flags;

export const killFlags = {
  signal: { type: "string", short: "s", value: "SIGNAL", default: "KILL", help: "what to send" },
} as const satisfies Flags;

export const rmFlags = {
  force: { type: "boolean", short: "f", help: "kill it first when it runs" },
  volumes: { type: "boolean", short: "v", help: "its anonymous volumes too" },
} as const satisfies Flags;

export const inspectFlags = {
  ...shortFormatFlag,
  type: { type: "string", value: "KIND", choices: ["container", "image"], help: "look only among these" },
  size: { type: "boolean", short: "s", help: "accepted for Docker's sake", hidden: true },
} as const satisfies Flags;

export const cpFlags = {
  archive: { type: "boolean", short: "a", help: "keep owner and group" },
  "follow-link": { type: "boolean", short: "L", help: "copy what a link leads to" },
  quiet: { type: "boolean", short: "q", help: "say nothing" },
} as const satisfies Flags;

export const containerPruneFlags = {
  force: { type: "boolean", short: "f", help: "do not ask" },
} as const satisfies Flags;

const containers = [{ name: "CONTAINER", completes: "container", repeat: true }] as const;

export const containerSpecs = [
  command({
    name: "ps",
    aliases: ["container ls", "container ps", "container list"],
    group: "Containers",
    summary: "List containers",
    args: [],
    flags: psFlags,
    examples: ["strake ps -a", "strake ps --format '{{.Names}} {{.Status}}'"],
    load: async () => (await import("../commands/ps.ts")).ps,
  }),
  command({
    name: "logs",
    aliases: ["container logs"],
    group: "Containers",
    summary: "Show what a container printed",
    args: [{ name: "CONTAINER", completes: "container" }],
    flags: logsFlags,
    load: async () => (await import("../commands/logs.ts")).logs,
  }),
  command({
    name: "exec",
    aliases: ["container exec"],
    group: "Containers",
    summary: "Run a command in a running container",
    args: [
      { name: "CONTAINER", completes: "container" },
      { name: "COMMAND", repeat: true },
    ],
    flags: execFlags,
    stopsAtFirstArgument: true,
    examples: ["strake exec -it web bash"],
    movesProcesses: true,
    load: async () => (await import("../commands/exec.ts")).exec,
  }),
  command({
    name: "attach",
    aliases: ["container attach"],
    orWithMore: "artifact attach",
    group: "Containers",
    summary: "Stay with a running container: its output from now on, and its input",
    description:
      "Ends with the container, with its exit code. What it printed before: strake logs. With files behind a registry's reference it is `artifact attach`.",
    args: [{ name: "CONTAINER", completes: "container" }],
    flags: attachFlags,
    load: async () => (await import("../commands/attach.ts")).attach,
  }),
  command({
    name: "start",
    aliases: ["container start"],
    group: "Containers",
    summary: "Start containers that are not running",
    args: containers,
    flags: startFlags,
    movesProcesses: true,
    load: async () => (await import("../commands/start.ts")).start,
  }),
  command({
    name: "stop",
    aliases: ["container stop"],
    group: "Containers",
    summary: "Ask containers to end, then kill them",
    args: containers,
    flags: stopFlags,
    load: async () => (await import("../commands/stop.ts")).stop,
  }),
  command({
    name: "restart",
    aliases: ["container restart"],
    group: "Containers",
    summary: "Stop and start containers",
    args: containers,
    flags: stopFlags,
    movesProcesses: true,
    load: async () => (await import("../commands/restart.ts")).restart,
  }),
  command({
    name: "kill",
    aliases: ["container kill"],
    group: "Containers",
    summary: "Send a signal to containers",
    args: containers,
    flags: killFlags,
    load: async () => (await import("../commands/kill.ts")).kill,
  }),
  command({
    name: "rm",
    aliases: ["container rm", "container remove"],
    group: "Containers",
    summary: "Remove containers",
    args: containers,
    flags: rmFlags,
    load: async () => (await import("../commands/rm.ts")).rm,
  }),
  command({
    name: "container prune",
    group: "Containers",
    summary: "Remove all containers that are not running",
    args: [],
    flags: containerPruneFlags,
    load: async () => (await import("../commands/container-prune.ts")).containerPrune,
  }),
  command({
    name: "wait",
    aliases: ["container wait"],
    group: "Containers",
    summary: "Wait until containers are over and print their exit codes",
    args: containers,
    flags: {},
    load: async () => (await import("../commands/wait.ts")).wait,
  }),
  command({
    name: "port",
    aliases: ["container port"],
    group: "Containers",
    summary: "Show the ports of the host that lead to a container",
    args: [
      { name: "CONTAINER", completes: "container" },
      { name: "PORT[/PROTOCOL]", optional: true },
    ],
    flags: {},
    load: async () => (await import("../commands/port.ts")).port,
  }),
  command({
    name: "rename",
    aliases: ["container rename"],
    group: "Containers",
    summary: "Give a container another name",
    args: [{ name: "CONTAINER", completes: "container" }, { name: "NAME" }],
    flags: {},
    load: async () => (await import("../commands/rename.ts")).rename,
  }),
  command({
    name: "inspect",
    aliases: ["container inspect"],
    group: "Containers",
    summary: "Show all about containers or images as JSON",
    args: [{ name: "NAME", completes: "container", repeat: true }],
    flags: inspectFlags,
    examples: ["strake inspect --format '{{.State.ExitCode}}' web"],
    load: async () => (await import("../commands/inspect.ts")).inspect,
  }),
  command({
    name: "cp",
    aliases: ["container cp"],
    group: "Containers",
    summary: "Copy files between a container and the host",
    description: "One side is CONTAINER:PATH, the other a path of the host, or - for a tar stream.",
    args: [
      { name: "SOURCE", completes: "container path" },
      { name: "TARGET", completes: "container path" },
    ],
    flags: cpFlags,
    examples: ["strake cp web:/var/log/app.log .", "strake cp config.toml web:/etc/app/"],
    load: async () => (await import("../commands/cp.ts")).cp,
  }),
  command({
    name: "container cleanup",
    group: "Containers",
    summary: "End what a finished container left (called by its monitor)",
    args: [{ name: "ID" }],
    flags: {},
    hidden: true,
    load: async () => (await import("../commands/cleanup.ts")).cleanup,
  }),
];
