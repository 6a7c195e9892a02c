import { command, type Flags } from "../command.ts";
import { formatFlag, shortFormatFlag } from "./shared-flags.ts";

export const volumeListFlags = {
  ...formatFlag,
  quiet: { type: "boolean", short: "q", help: "only the names" },
} as const satisfies Flags;

export const volumeCreateFlags = {
  label: { type: "strings", value: "NAME=VALUE", help: "a label of the volume" },
} as const satisfies Flags;

export const volumeInspectFlags = { ...shortFormatFlag } as const satisfies Flags;

export const volumeRemoveFlags = {
  force: { type: "boolean", short: "f", help: "say nothing of those that are not there" },
} as const satisfies Flags;

export const volumePruneFlags = {
  all: { type: "boolean", short: "a", help: "those with a name too" },
  force: { type: "boolean", short: "f", help: "do not ask" },
} as const satisfies Flags;

const volumes = [{ name: "VOLUME", completes: "volume", repeat: true }] as const;
const group = "Containers";

export const volumeSpecs = [
  command({
    name: "volume ls",
    aliases: ["volume list"],
    group,
    summary: "List volumes",
    args: [],
    flags: volumeListFlags,
    load: async () => (await import("../commands/volume.ts")).volumeList,
  }),
  command({
    name: "volume create",
    group,
    summary: "Make a volume",
    args: [{ name: "NAME", optional: true }],
    flags: volumeCreateFlags,
    load: async () => (await import("../commands/volume.ts")).volumeCreate,
  }),
  command({
    name: "volume inspect",
    group,
    summary: "Show all about volumes as JSON",
    args: volumes,
    flags: volumeInspectFlags,
    load: async () => (await import("../commands/volume.ts")).volumeInspect,
  }),
  command({
    name: "volume rm",
    aliases: ["volume remove"],
    group,
    summary: "Remove volumes that no container uses",
    args: volumes,
    flags: volumeRemoveFlags,
    load: async () => (await import("../commands/volume.ts")).volumeRemove,
  }),
  command({
    name: "volume prune",
    group,
    summary: "Remove the volumes without a name that no container uses",
    args: [],
    flags: volumePruneFlags,
    load: async () => (await import("../commands/volume.ts")).volumePrune,
  }),
];
