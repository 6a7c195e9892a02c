import { type Descriptor, decodeDescriptor } from "./descriptor.ts";
import { type Document, documentLimits, makeDocument, refuseSchema1, settleMediaType } from "./document.ts";
import { parseDocument } from "./json.ts";
import { checkManifest, type Manifest } from "./manifest.ts";
import { isIndexType, isManifestType, mediaTypes } from "./media-type.ts";
import { type JSONObject, Shape } from "./shape.ts";

/** An image index (image-spec image-index.md) or Docker's manifest list. Unknown fields are kept on decoded values. */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

const kind = { code: "INDEX_INVALID", noun: "image index", limit: documentLimits.index } as const;
const shape = new Shape(kind.code, kind.noun);
const known = new Set([
  ...["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"],
  ...["config", "layers", "fsLayers"],
]);

/**
 * The index in these bytes. `mediaType` is what it was served or stored as, when known.
 * Throws INDEX_INVALID, or MEDIA_TYPE_UNSUPPORTED for Docker schema 1.
 */
export function decodeIndex(bytes: Uint8Array, mediaType?: string): Document<Index> {
  return checkIndex(bytes, parseDocument(bytes, kind), mediaType);
}

/**
 * A manifest or an index, whichever the bytes are: by the media type served or stated, and by shape where there is
 * neither. Throws like {@link decodeManifest} and {@link decodeIndex}.
 */
export function decodeManifestOrIndex(
  bytes: Uint8Array,
  mediaType?: string,
): ({ readonly kind: "manifest" } & Document<Manifest>) | ({ readonly kind: "index" } & Document<Index>) {
  const object = parseDocument(bytes, { ...kind, noun: "manifest", code: "MANIFEST_INVALID" });
  const type = mediaType ?? object.mediaType;
  const isIndex =
    typeof type === "string" && (isIndexType(type) || isManifestType(type))
      ? isIndexType(type)
      : Object.hasOwn(object, "manifests");
  if (isIndex) return { kind: "index", ...checkIndex(bytes, object, mediaType) };
  return { kind: "manifest", ...checkManifest(bytes, object, mediaType) };
}

function checkIndex(bytes: Uint8Array, object: JSONObject, served?: string): Document<Index> {
  refuseSchema1(object, served, kind);
  shape.noTwins(object, known, "");
  if (object.schemaVersion !== 2) shape.fail("schemaVersion", "is not 2");
  const mediaType = settleMediaType(object, served, mediaTypes.ociIndex, shape);
  if (!isIndexType(mediaType)) shape.fail("mediaType", `is not that of an image index: ${mediaType}`);
  // One document must not be two things (CVE-2021-41190).
  if (Object.hasOwn(object, "layers") || Object.hasOwn(object, "config"))
    shape.fail("", "holds both manifests and an image's config or layers");

  // Go writes an index without entries as null.
  if (object.manifests === null) object.manifests = [];
  for (const [i, manifest] of shape.array(object.manifests, "manifests", 10_000).entries())
    decodeDescriptor(manifest, `manifests[${i}]`, shape);
  shape.optional(object, "subject", "", (subject, at) => decodeDescriptor(subject, at, shape));
  shape.optional(object, "annotations", "", shape.stringMap);
  shape.optional(object, "artifactType", "", shape.string);
  return makeDocument(bytes, mediaType, object as unknown as Index);
}
