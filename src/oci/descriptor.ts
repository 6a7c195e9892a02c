import { type Digest, isDigest, matchesDigest } from "./digest.ts";
import { isMediaType } from "./media-type.ts";
import type { Platform } from "./platform.ts";
import { decodeDescriptorPlatform } from "./platform-decode.ts";
import type { JSONObject, Shape } from "./shape.ts";

/** Content by address (image-spec descriptor.md). Unknown fields are kept on decoded values. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the content. What is fetched must have exactly this many. */
  readonly size: number;
  /** Where else the content can be had. Never sent credentials (CVE-2020-15157). */
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself in base64; checked against digest and size when decoded. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

const known = new Set([
  ...["mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"],
]);

/** Embedded content larger than this is refused before it is decoded. */
const dataLimit = 1 << 20;

/** The value, checked, as a descriptor. Throws through `shape`. */
export function decodeDescriptor(value: unknown, path: string, shape: Shape): Descriptor {
  const object = shape.object(value, path);
  shape.noTwins(object, known, path);
  const mediaType = shape.string(object.mediaType, `${path}.mediaType`);
  if (!isMediaType(mediaType)) shape.fail(`${path}.mediaType`, "is not a media type");
  if (!isDigest(object.digest)) shape.fail(`${path}.digest`, "is not a sha256 or sha512 digest");
  shape.size(object.size, `${path}.size`);
  shape.optional(object, "urls", path, shape.strings);
  shape.optional(object, "annotations", path, shape.stringMap);
  shape.optional(object, "artifactType", path, shape.string);
  shape.optional(object, "platform", path, (platform, at) => decodeDescriptorPlatform(platform, at, shape));
  shape.optional(object, "data", path, (data, at) => checkData(data, object, at, shape));
  return object as unknown as Descriptor;
}

/** `data` that is not what `digest` says would be trusted by whoever reads it instead of fetching. */
function checkData(data: unknown, object: JSONObject, path: string, shape: Shape): void {
  const text = shape.string(data, path);
  if (text.length > dataLimit) shape.fail(path, `is longer than ${dataLimit} characters`);
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    shape.fail(path, "is not base64");
  }
  if (bytes.byteLength !== object.size || !matchesDigest(bytes, object.digest as Digest))
    shape.fail(path, "does not match the descriptor's digest and size");
}
