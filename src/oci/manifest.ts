import { type Descriptor, decodeDescriptor } from "./descriptor.ts";
import { type Document, documentLimits, makeDocument, refuseSchema1, settleMediaType } from "./document.ts";
import { parseDocument } from "./json.ts";
import { isManifestType, mediaTypes } from "./media-type.ts";
import { type JSONObject, Shape } from "./shape.ts";

/** An image manifest (image-spec manifest.md) or Docker's schema 2. Unknown fields are kept on decoded values. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Base layer first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

const kind = { code: "MANIFEST_INVALID", noun: "image manifest", limit: documentLimits.manifest } as const;
const shape = new Shape(kind.code, kind.noun);
const known = new Set([
  ...["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"],
  ...["manifests", "fsLayers"],
]);

/**
 * The manifest in these bytes. `mediaType` is what it was served or stored as, when known.
 * Throws MANIFEST_INVALID, or MEDIA_TYPE_UNSUPPORTED for Docker schema 1.
 */
export function decodeManifest(bytes: Uint8Array, mediaType?: string): Document<Manifest> {
  return checkManifest(bytes, parseDocument(bytes, kind), mediaType);
}

/** The parsed document, checked as a manifest. Mutates `object` only by removing nulls. */
export function checkManifest(bytes: Uint8Array, object: JSONObject, served?: string): Document<Manifest> {
  refuseSchema1(object, served, kind);
  shape.noTwins(object, known, "");
  if (object.schemaVersion !== 2) shape.fail("schemaVersion", "is not 2");
  const mediaType = settleMediaType(object, served, mediaTypes.ociManifest, shape);
  if (!isManifestType(mediaType)) shape.fail("mediaType", `is not that of an image manifest: ${mediaType}`);
  // One document must not be two things (CVE-2021-41190).
  if (Object.hasOwn(object, "manifests")) shape.fail("", "holds both layers and manifests");

  decodeDescriptor(object.config, "config", shape);
  // Artifacts made by some tools have `"layers": null`; an image without layers is legitimate.
  if (object.layers === null) object.layers = [];
  for (const [i, layer] of shape.array(object.layers, "layers", 10_000).entries())
    decodeDescriptor(layer, `layers[${i}]`, shape);
  shape.optional(object, "subject", "", (subject, at) => decodeDescriptor(subject, at, shape));
  shape.optional(object, "annotations", "", shape.stringMap);
  shape.optional(object, "artifactType", "", shape.string);
  return makeDocument(bytes, mediaType, object as unknown as Manifest);
}
