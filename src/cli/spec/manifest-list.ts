import { command, type Flags } from "../command.ts";
import { remoteFlags } from "./remote.ts";
import { progressFlags } from "./shared-flags.ts";

export const manifestCreateFlags = {
  amend: { type: "boolean", short: "a", help: "add to the list when it exists" },
  ...remoteFlags,
} as const satisfies Flags;

export const entryFlags = {
  os: { type: "string", value: "NAME", help: "operating system" },
  arch: { type: "string", value: "NAME", help: "architecture" },
  variant: { type: "string", value: "NAME", help: "variant of the architecture, for example v7" },
  "os-version": { type: "string", value: "VERSION", help: "version of the operating system" },
  "os-features": { type: "strings", value: "NAME", help: "what the operating system must offer" },
  annotation: { type: "strings", value: "KEY=VALUE", help: "an annotation of the entry" },
} as const satisfies Flags;

export const manifestAddFlags = { ...entryFlags, ...remoteFlags } as const satisfies Flags;

export const manifestPushFlags = {
  all: { type: "boolean", hidden: true, help: "podman's word for what is always done" },
  purge: { type: "boolean", short: "p", help: "remove the list when it has been pushed" },
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

const group = "Registries";
const load = () => import("../commands/manifest-list.ts");
const description =
  "IMAGE is an image of the store (strake:NAME, or any name known here) or else of a registry (docker://NAME).";

export const manifestListSpecs = [
  command({
    name: "manifest create",
    group,
    summary: "Make a manifest list: one name for images of several platforms",
    description,
    args: [{ name: "LIST" }, { name: "IMAGE", completes: "image", optional: true, repeat: true }],
    flags: manifestCreateFlags,
    examples: ["strake manifest create registry.example/app:1 app:amd64 app:arm64"],
    load: async () => (await load()).manifestCreate,
  }),
  command({
    name: "manifest add",
    group,
    summary: "Add images to a manifest list",
    description,
    args: [{ name: "LIST" }, { name: "IMAGE", completes: "image", repeat: true }],
    flags: manifestAddFlags,
    load: async () => (await load()).manifestAdd,
  }),
  command({
    name: "manifest annotate",
    group,
    summary: "Say what an image of a manifest list runs on",
    args: [{ name: "LIST" }, { name: "IMAGE|DIGEST" }],
    flags: entryFlags,
    examples: ["strake manifest annotate app:1 app:arm --arch arm --variant v7"],
    load: async () => (await load()).manifestAnnotate,
  }),
  command({
    name: "manifest remove",
    group,
    summary: "Take images out of a manifest list",
    args: [{ name: "LIST" }, { name: "IMAGE|DIGEST", repeat: true }],
    flags: {},
    load: async () => (await load()).manifestRemove,
  }),
  command({
    name: "manifest push",
    group,
    summary: "Push a manifest list with the images that are not there yet",
    args: [{ name: "LIST" }, { name: "TARGET", optional: true }],
    flags: manifestPushFlags,
    load: async () => (await load()).manifestPush,
  }),
  command({
    name: "manifest ls",
    group,
    summary: "List the manifest lists and their images",
    args: [],
    flags: {},
    load: async () => (await load()).manifestLs,
  }),
  command({
    name: "manifest rm",
    group,
    summary: "Remove manifest lists; their images stay",
    args: [{ name: "LIST", repeat: true }],
    flags: {},
    load: async () => (await load()).manifestRm,
  }),
];
