import { command, type Flags } from "../command.ts";
import { formatFlag, shortFormatFlag } from "./shared-flags.ts";

export const dfFlags = {
  ...formatFlag,
  verbose: { type: "boolean", short: "v", help: "every image, layer, container and volume" },
} as const satisfies Flags;

export const gcFlags = {
  verify: { type: "boolean", help: "read everything back and compare with its digests" },
  "dry-run": { type: "boolean", help: "say what would go, and let it be" },
  cache: { type: "boolean", help: "drop the build cache too" },
  ...formatFlag,
} as const satisfies Flags;

export const infoFlags = { ...shortFormatFlag } as const satisfies Flags;
export const doctorFlags = { ...formatFlag } as const satisfies Flags;
export const versionFlags = {
  ...shortFormatFlag,
  short: { type: "boolean", help: "the number alone" },
} as const satisfies Flags;

export const machineSpecs = [
  command({
    name: "df",
    aliases: ["system df"],
    group: "Store and machine",
    summary: "Show what takes how much room, and what is shared",
    args: [],
    flags: dfFlags,
    load: async () => (await import("../commands/df.ts")).df,
  }),
  command({
    name: "gc",
    aliases: ["system prune"],
    group: "Store and machine",
    summary: "Remove what nothing refers to",
    args: [],
    flags: gcFlags,
    load: async () => (await import("../commands/gc.ts")).gc,
  }),
  command({
    name: "info",
    aliases: ["system info"],
    group: "Store and machine",
    summary: "Show where things are and which parts are used",
    args: [],
    flags: infoFlags,
    load: async () => (await import("../commands/info.ts")).info,
  }),
  command({
    name: "doctor",
    group: "Store and machine",
    summary: "Check this machine and say what is missing and how to get it",
    args: [],
    flags: doctorFlags,
    load: async () => (await import("../commands/doctor.ts")).doctor,
  }),
  command({
    name: "version",
    group: "Strake",
    summary: "Show the version",
    args: [],
    flags: versionFlags,
    load: async () => (await import("../commands/version.ts")).version,
  }),
  command({
    name: "completion",
    group: "Strake",
    summary: "Print a completion script",
    args: [{ name: "bash|zsh|fish" }],
    flags: {},
    examples: ["source <(strake completion bash)"],
    load: async () => (await import("../commands/completion.ts")).completion,
  }),
  command({
    name: "help",
    group: "Strake",
    summary: "Show help for a command, or `help errors`, `help environment`",
    args: [{ name: "COMMAND", optional: true, repeat: true }],
    flags: {},
    load: async () => (await import("../commands/help.ts")).help,
  }),
];
