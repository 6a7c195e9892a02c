import { command, type Flags } from "../command.ts";
import { platformFlag, progressFlags } from "./shared-flags.ts";

export const buildFlags = {
  tag: { type: "strings", short: "t", value: "NAME[:TAG]", help: "name the image" },
  file: {
    type: "string",
    short: "f",
    value: "FILE",
    completes: "file",
    default: "Dockerfile of the context",
    help: "the Dockerfile, - for stdin",
  },
  target: { type: "string", value: "STAGE", help: "the stage to build" },
  "build-arg": {
    type: "strings",
    value: "NAME[=VALUE]",
    help: "a value for ARG; without = from the environment",
  },
  label: { type: "strings", value: "NAME=VALUE", help: "a label of the image" },
  "no-cache": { type: "boolean", help: "run every step again" },
  pull: {
    type: "boolean",
    help: "ask the registries of all bases for newer ones, also of those that are here",
  },
  network: {
    type: "string",
    value: "MODE",
    choices: ["default", "host", "none"],
    default: "default",
    help: "the network of RUN",
  },
  ca: {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "a CA bundle to lend to RUN; it stays out of the image. `host` lends this machine's, `none` nothing",
    default: "host when the environment names one",
  },
  quiet: { type: "boolean", short: "q", help: "print only the image's id" },
  iidfile: { type: "string", value: "FILE", completes: "file", help: "write the image's id to a file" },
  ...platformFlag,
  ...progressFlags,
} as const satisfies Flags;

export const buildSpecs = [
  command({
    name: "build",
    aliases: ["image build"],
    group: "Build and run",
    summary: "Build an image from a Dockerfile",
    args: [{ name: "CONTEXT", completes: "folder" }],
    flags: buildFlags,
    examples: ["strake build -t app .", "strake build -t app --target test -f docker/Dockerfile ."],
    load: async () => (await import("../commands/build.ts")).build,
  }),
];
