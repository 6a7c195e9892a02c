import type { Flags } from "../command.ts";

export const progressFlags = {
  progress: {
    type: "string",
    value: "KIND",
    choices: ["auto", "plain", "tty", "quiet", "rawjson"],
    default: "auto",
    help: "how to show what happens",
  },
} as const satisfies Flags;

export const formatFlag = {
  format: {
    type: "string",
    value: "FORMAT",
    help: "table, json, or a template such as '{{.ID}}'",
  },
} as const satisfies Flags;

/** Docker's `-f` of the commands that show one thing; those that list use it for filters. */
export const shortFormatFlag = {
  format: { ...formatFlag.format, short: "f" },
} as const satisfies Flags;

export const listFlags = {
  ...formatFlag,
  quiet: { type: "boolean", short: "q", help: "only the ids" },
  "no-trunc": { type: "boolean", help: "do not cut ids and commands" },
} as const satisfies Flags;

export const platformFlag = {
  platform: { type: "string", value: "OS/ARCH", help: "the platform to take or to build for" },
} as const satisfies Flags;
