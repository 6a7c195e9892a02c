import type { ContainerConfig } from "./container-config.ts";
import { decodeContainerConfig } from "./container-config.ts";
import { type Digest, isDigest } from "./digest.ts";
import { type Document, documentLimits, makeDocument } from "./document.ts";
import { parseDocument } from "./json.ts";
import { mediaTypes } from "./media-type.ts";
import { Shape } from "./shape.ts";

/** An image configuration (image-spec config.md); its digest is the image's ID. Unknown fields are kept. */
export interface ImageConfig {
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
  readonly config?: ContainerConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  /** Oldest first. */
  readonly history?: readonly HistoryEntry[];
  readonly [unknownField: string]: unknown;
}

export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** True when the step changed only the configuration. */
  readonly empty_layer?: boolean;
}

const kind = { code: "CONFIG_INVALID", noun: "image configuration", limit: documentLimits.config } as const;
const shape = new Shape(kind.code, kind.noun);
const known = new Set([
  ...["created", "author", "architecture", "os", "os.version", "os.features", "variant", "config"],
  ...["rootfs", "history"],
]);

/** The image configuration in these bytes. Throws CONFIG_INVALID. */
export function decodeConfig(
  bytes: Uint8Array,
  mediaType: string = mediaTypes.ociConfig,
): Document<ImageConfig> {
  const object = parseDocument(bytes, kind);
  shape.noTwins(object, known, "");
  shape.string(object.architecture, "architecture");
  shape.string(object.os, "os");
  for (const field of ["created", "author", "variant", "os.version"])
    shape.optional(object, field, "", shape.string);
  shape.optional(object, "os.features", "", shape.strings);
  shape.optional(object, "config", "", (config, at) => decodeContainerConfig(config, at, shape));
  checkRootfs(object.rootfs);
  shape.optional(object, "history", "", checkHistory);
  return makeDocument(bytes, mediaType, object as unknown as ImageConfig);
}

function checkRootfs(value: unknown): void {
  const rootfs = shape.object(value, "rootfs");
  if (rootfs.type !== "layers") shape.fail("rootfs.type", 'is not "layers"');
  // FROM scratch with metadata only: Docker writes no list at all.
  if (rootfs.diff_ids === undefined || rootfs.diff_ids === null) rootfs.diff_ids = [];
  for (const [i, id] of shape.array(rootfs.diff_ids, "rootfs.diff_ids", 10_000).entries())
    if (!isDigest(id)) shape.fail(`rootfs.diff_ids[${i}]`, "is not a sha256 or sha512 digest");
}

function checkHistory(value: unknown, path: string): void {
  for (const [i, entry] of shape.array(value, path, 10_000).entries()) {
    const at = `${path}[${i}]`;
    const object = shape.object(entry, at);
    for (const field of ["created", "created_by", "author", "comment"])
      shape.optional(object, field, at, shape.string);
    shape.optional(object, "empty_layer", at, (empty, where) => {
      if (typeof empty !== "boolean") shape.fail(where, "is not true or false");
    });
  }
}
