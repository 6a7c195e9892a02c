import { command, type Flags } from "../command.ts";
import { formatFlag, platformFlag, progressFlags } from "./shared-flags.ts";

export const remoteFlags = {
  insecure: { type: "boolean", help: "plain HTTP, or TLS whose certificate is not checked" },
} as const satisfies Flags;
const quietFlag = {
  quiet: { type: "boolean", short: "q", help: "print only the result" },
} as const satisfies Flags;

export const pullFlags = {
  "all-tags": { type: "boolean", short: "a", help: "every tag of the repository that is an image" },
  ...platformFlag,
  ...quietFlag,
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

const compressionFlag = {
  compression: {
    type: "string",
    value: "KIND",
    choices: ["gzip", "zstd", "none"],
    default: "gzip; a pulled image stays as it is",
    help: "compression of the layers",
  },
} as const satisfies Flags;

export const pushFlags = {
  "all-tags": { type: "boolean", short: "a", help: "every tag of the repository" },
  platform: {
    type: "string",
    value: "OS/ARCH",
    help: "only the image for this platform, as an image of its own; of a manifest list too",
  },
  ...compressionFlag,
  ...quietFlag,
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

export const copyFlags = {
  "all-tags": { type: "boolean", short: "a", help: "every tag of a repository that the other does not have" },
  ...platformFlag,
  referrers: {
    type: "boolean",
    help: "with what refers to the image: signatures, attestations, also under cosign's tags",
  },
  ...compressionFlag,
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

export const listRemoteFlags = { ...formatFlag, ...remoteFlags } as const satisfies Flags;

export const tagsFlags = {
  "exclude-digest-tags": {
    type: "boolean",
    help: "without those that clients keep signatures and the like under",
  },
  ...listRemoteFlags,
} as const satisfies Flags;

export const digestFlags = { ...platformFlag, ...listRemoteFlags } as const satisfies Flags;

export const deleteFlags = {
  "all-tags": { type: "boolean", help: "with the manifest and all other tags of it" },
  ...remoteFlags,
} as const satisfies Flags;

export const manifestInspectFlags = {
  raw: { type: "boolean", help: "the exact bytes" },
  config: { type: "boolean", help: "what the image runs, its labels and history in place of its manifest" },
  ...platformFlag,
  ...remoteFlags,
} as const satisfies Flags;

export const referrersFlags = {
  "artifact-type": { type: "string", value: "TYPE", help: "only those of this type" },
  ...formatFlag,
  ...remoteFlags,
} as const satisfies Flags;

export const artifactFlags = {
  "artifact-type": { type: "string", value: "TYPE", help: "what it is, for example application/spdx+json" },
  "media-type": {
    type: "string",
    value: "TYPE",
    default: "application/octet-stream",
    help: "media type of the files",
  },
  annotation: { type: "strings", value: "KEY=VALUE", help: "an annotation of the artifact" },
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

export const artifactPullFlags = {
  output: {
    type: "string",
    short: "o",
    value: "FOLDER",
    default: "this folder",
    help: "where the files go",
    completes: "folder",
  },
  force: { type: "boolean", short: "f", help: "replace files that are there" },
  ...remoteFlags,
  ...progressFlags,
} as const satisfies Flags;

export const loginFlags = {
  username: { type: "string", short: "u", value: "NAME", help: "the user name" },
  password: {
    type: "string",
    short: "p",
    value: "PASSWORD",
    help: "better: --password-stdin, as others see command lines",
  },
  "password-stdin": { type: "boolean", help: "read the password from stdin" },
  ...remoteFlags,
} as const satisfies Flags;

const group = "Registries";
const reference = [{ name: "REFERENCE" }] as const;

export const remoteSpecs = [
  command({
    name: "pull",
    aliases: ["image pull"],
    group,
    summary: "Get images from a registry",
    args: [{ name: "REFERENCE", repeat: true }],
    flags: pullFlags,
    examples: ["strake pull registry.example/team/app:1", "strake pull --platform linux/arm64 debian"],
    load: async () => (await import("../commands/pull.ts")).pull,
  }),
  command({
    name: "push",
    aliases: ["image push"],
    group,
    summary: "Send an image to a registry",
    description: [
      "Without TARGET the image's name says where it goes.",
      "One that was interrupted goes on where the registry is when it is done again within a day.",
    ].join("\n"),
    args: [
      { name: "IMAGE", completes: "image" },
      { name: "TARGET", optional: true },
    ],
    flags: pushFlags,
    examples: ["strake push registry.example/team/app:1", "strake push app registry.example/team/app:1"],
    load: async () => (await import("../commands/push.ts")).push,
  }),
  command({
    name: "copy",
    group,
    summary: "Copy an image between registries, layouts, archives and the store",
    description: [
      "A place is REFERENCE or docker://REFERENCE (a registry), oci:FOLDER[:TAG|@DIGEST] (an OCI layout),",
      "oci-archive:FILE[:TAG|@DIGEST], docker-archive:FILE[:REFERENCE|@INDEX], or strake:IMAGE (the store here).",
      "Between registries and layouts all platforms are copied, byte for byte, without passing the store.",
      "With --all-tags both places are repositories of registries, without a tag. Tags that mean the same on both sides are",
      "passed over; one that fails does not stop the others, and the exit code is that of the first that failed.",
      "A file has its name when it is whole. What a killed copy leaves is called .strake-tmp-… and goes with the next copy to that folder;",
      "what came of a large blob is called .strake-part-…, and the next copy to that layout or oci-archive goes on with it within a week.",
    ].join("\n"),
    args: [{ name: "SOURCE" }, { name: "TARGET" }],
    flags: copyFlags,
    examples: [
      "strake copy registry.example/app:1 mirror.example/app:1",
      "strake copy --all-tags registry.example/app mirror.example/app",
      "strake copy registry.example/app:1 oci:layout:1",
      "strake copy docker-archive:app.tar docker://registry.example/app:1",
    ],
    load: async () => (await import("../commands/copy.ts")).copy,
  }),
  command({
    name: "tags",
    group,
    summary: "List the tags of a repository",
    description: "With PATTERN those it fits: * and ?, [a-z], {1,2}.",
    args: [{ name: "REPOSITORY" }, { name: "PATTERN", optional: true }],
    flags: tagsFlags,
    examples: ["strake tags registry.example/team/app", "strake tags registry.example/team/app '1.2*'"],
    load: async () => (await import("../commands/browse.ts")).tags,
  }),
  command({
    name: "catalog",
    group,
    summary: "List the repositories of a registry",
    args: [{ name: "REGISTRY" }],
    flags: listRemoteFlags,
    load: async () => (await import("../commands/browse.ts")).catalog,
  }),
  command({
    name: "search",
    group,
    summary: "List the repositories of a registry whose names contain a text",
    args: [{ name: "REGISTRY/TEXT" }],
    flags: listRemoteFlags,
    load: async () => (await import("../commands/browse.ts")).search,
  }),
  command({
    name: "digest",
    group,
    summary: "Print the digest a tag means at its registry",
    args: reference,
    flags: digestFlags,
    load: async () => (await import("../commands/browse.ts")).digest,
  }),
  command({
    name: "delete",
    group,
    summary: "Delete a tag, or with a digest a manifest, from its registry",
    description: [
      "Some registries delete manifests alone. There a tag goes with its manifest if that has no other tag; where it has,",
      "the others are named and nothing is deleted without --all-tags.",
    ].join("\n"),
    args: [{ name: "REFERENCE", repeat: true }],
    flags: deleteFlags,
    examples: ["strake delete registry.example/app:1", "strake delete --all-tags registry.example/app:1"],
    load: async () => (await import("../commands/browse.ts")).deleteReferences,
  }),
  command({
    name: "manifest inspect",
    group,
    summary: "Show a manifest or index as its registry has it, or a manifest list of the store",
    args: reference,
    flags: manifestInspectFlags,
    examples: [
      "strake manifest inspect registry.example/app:1",
      "strake manifest inspect --config --platform linux/arm64 registry.example/app:1",
    ],
    load: async () => (await import("../commands/browse.ts")).manifestInspect,
  }),
  command({
    name: "referrers",
    group,
    summary: "List what refers to an image: signatures, attestations, SBOMs",
    args: reference,
    flags: referrersFlags,
    load: async () => (await import("../commands/browse.ts")).referrers,
  }),
  command({
    name: "artifact attach",
    group,
    summary: "Attach files to an image at its registry, as oras does",
    description: "`strake attach REFERENCE FILE...` means this too.",
    args: [{ name: "REFERENCE" }, { name: "FILE", completes: "file", repeat: true }],
    flags: artifactFlags,
    examples: [
      "strake artifact attach --artifact-type application/spdx+json registry.example/app:1 sbom.json",
    ],
    load: async () => (await import("../commands/artifact-attach.ts")).artifactAttach,
  }),
  command({
    name: "artifact push",
    group,
    summary: "Push files as an artifact, as oras does",
    args: [{ name: "REFERENCE" }, { name: "FILE[:MEDIA-TYPE]", completes: "file", repeat: true }],
    flags: artifactFlags,
    examples: [
      "strake artifact push --artifact-type application/vnd.example.model registry.example/model:1 weights.bin",
    ],
    load: async () => (await import("../commands/artifact.ts")).artifactPush,
  }),
  command({
    name: "artifact pull",
    group,
    summary: "Fetch the files of an artifact",
    description: [
      "A file has its name when it is whole and what its digest says. What came of a large one that was cut short stays beside it as",
      ".strake-part-…: the next pull into the folder goes on there; what nobody came back for in a week goes with one.",
    ].join("\n"),
    args: reference,
    flags: artifactPullFlags,
    examples: ["strake artifact pull -o models registry.example/model:1"],
    load: async () => (await import("../commands/artifact.ts")).artifactPull,
  }),
  command({
    name: "login",
    group,
    summary: "Log in to a registry",
    args: [{ name: "REGISTRY", optional: true }],
    flags: loginFlags,
    load: async () => (await import("../commands/login.ts")).login,
  }),
  command({
    name: "logout",
    group,
    summary: "Forget a login",
    args: [{ name: "REGISTRY", optional: true }],
    flags: {},
    load: async () => (await import("../commands/login.ts")).logout,
  }),
];
