import { command, type Flags } from "../command.ts";
import { listFlags, platformFlag, progressFlags, shortFormatFlag } from "./shared-flags.ts";

export const imagesFlags = {
  all: {
    type: "boolean",
    short: "a",
    help: "accepted for Docker's sake: there are no hidden images",
    hidden: true,
  },
  digests: { type: "boolean", help: "with the digests of the manifests" },
  filter: {
    type: "strings",
    short: "f",
    value: "NAME=VALUE",
    help: "only those with dangling, label, reference, before or since as given",
  },
  ...listFlags,
} as const satisfies Flags;

export const historyFlags = {
  ...listFlags,
  human: {
    type: "boolean",
    short: "H",
    help: "accepted: sizes and dates are for people anyway",
    hidden: true,
  },
} as const satisfies Flags;

export const rmiFlags = {
  force: { type: "boolean", short: "f", help: "also when a stopped container uses it" },
} as const satisfies Flags;

export const imagePruneFlags = {
  all: { type: "boolean", short: "a", help: "all that no container uses, not only those without a name" },
  force: { type: "boolean", short: "f", help: "do not ask" },
  filter: { type: "strings", value: "NAME=VALUE", help: "until=24h, label=…" },
} as const satisfies Flags;

export const imageInspectFlags = { ...shortFormatFlag } as const satisfies Flags;

export const saveFlags = {
  output: {
    type: "string",
    short: "o",
    value: "FILE",
    completes: "file",
    help: "write to a file, not to stdout",
  },
  format: {
    type: "string",
    value: "KIND",
    choices: ["docker", "oci"],
    default: "docker",
    help: "docker: OCI layout that is a docker-archive too; oci: the layout alone",
  },
  compress: {
    type: "string",
    value: "KIND",
    choices: ["none", "gzip", "zstd"],
    default: "as stored for oci, none for docker",
    help: "compression of the layers",
  },
  ...progressFlags,
} as const satisfies Flags;

export const loadFlags = {
  input: { type: "string", short: "i", value: "FILE", completes: "file", help: "read a file, not stdin" },
  quiet: { type: "boolean", short: "q", help: "say nothing" },
  tag: { type: "strings", short: "t", value: "NAME", help: "name the image when the archive holds one only" },
  ...platformFlag,
  ...progressFlags,
} as const satisfies Flags;

export const importFlags = {
  change: {
    type: "strings",
    short: "c",
    value: "INSTRUCTION",
    help: "a Dockerfile line for the configuration",
  },
  message: { type: "string", short: "m", value: "TEXT", help: "the comment in the history" },
  ...platformFlag,
  ...progressFlags,
} as const satisfies Flags;

export const bootstrapFlags = {
  tag: {
    type: "strings",
    short: "t",
    value: "NAME",
    help: "name the image",
    default: "debian:SUITE or busybox",
  },
  include: { type: "strings", value: "PACKAGES", help: "more packages, separated by commas" },
  variant: {
    type: "string",
    value: "KIND",
    choices: ["minbase", "apt", "essential", "important", "standard"],
    default: "minbase",
    help: "how much of Debian",
  },
  mirror: {
    type: "string",
    value: "URL",
    help: "the Debian mirror",
    default: "deb.debian.org or this machine's",
  },
  pip: {
    type: "boolean",
    help: "let pip install into the system, as python images do (with --include python3-pip)",
  },
  ...progressFlags,
} as const satisfies Flags;

const images = [{ name: "IMAGE", completes: "image", repeat: true }] as const;

export const imageSpecs = [
  command({
    name: "images",
    aliases: ["image ls", "image list"],
    group: "Images",
    summary: "List images",
    args: [{ name: "REPOSITORY", optional: true, completes: "image" }],
    flags: imagesFlags,
    load: async () => (await import("../commands/images.ts")).images,
  }),
  command({
    name: "history",
    aliases: ["image history"],
    group: "Images",
    summary: "Show the instructions an image was made by, with the size of each layer",
    args: [{ name: "IMAGE", completes: "image" }],
    flags: historyFlags,
    load: async () => (await import("../commands/history.ts")).history,
  }),
  command({
    name: "image inspect",
    group: "Images",
    summary: "Show all about images as JSON",
    args: images,
    flags: imageInspectFlags,
    load: async () => (await import("../commands/inspect.ts")).imageInspect,
  }),
  command({
    name: "tag",
    aliases: ["image tag"],
    group: "Images",
    summary: "Give an image one more name",
    args: [{ name: "IMAGE", completes: "image" }, { name: "NAME" }],
    flags: {},
    load: async () => (await import("../commands/tag.ts")).tag,
  }),
  command({
    name: "rmi",
    aliases: ["image rm", "image remove"],
    group: "Images",
    summary: "Remove names of images, and images that lost their last one",
    args: images,
    flags: rmiFlags,
    load: async () => (await import("../commands/rmi.ts")).rmi,
  }),
  command({
    name: "image prune",
    group: "Images",
    summary: "Remove images without a name",
    args: [],
    flags: imagePruneFlags,
    load: async () => (await import("../commands/image-prune.ts")).imagePrune,
  }),
  command({
    name: "save",
    aliases: ["image save"],
    group: "Images",
    summary: "Write images to one tar archive",
    args: images,
    flags: saveFlags,
    examples: ["strake save -o app.tar app:1 app:2", "strake save app | ssh host docker load"],
    load: async () => (await import("../commands/save.ts")).save,
  }),
  command({
    name: "load",
    aliases: ["image load"],
    group: "Images",
    summary: "Read images from a docker-archive or OCI layout tar",
    args: [],
    flags: loadFlags,
    load: async () => (await import("../commands/load.ts")).load,
  }),
  command({
    name: "import",
    aliases: ["image import"],
    group: "Images",
    summary: "Make an image of one layer from a tar of a root file system",
    args: [
      { name: "FILE|-", completes: "file" },
      { name: "NAME", optional: true },
    ],
    flags: importFlags,
    examples: [`strake import -c 'CMD ["sh"]' rootfs.tar base:1`],
    load: async () => (await import("../commands/import.ts")).importImage,
  }),
  command({
    name: "bootstrap",
    group: "Images",
    summary: "Make a base image from Debian's packages",
    description: "debian[:SUITE] through mmdebstrap; busybox from this machine's busybox-static.",
    args: [{ name: "debian[:SUITE]|busybox" }],
    flags: bootstrapFlags,
    examples: [
      "strake bootstrap debian:bookworm",
      "strake bootstrap debian --include python3,python3-pip --pip -t python:3",
    ],
    load: async () => (await import("../commands/bootstrap.ts")).bootstrap,
  }),
];
