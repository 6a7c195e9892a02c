import { type Digest, digestAlgorithm, digestHex } from "../../oci/index.ts";
import type { RemoteManifest } from "./repository.ts";

/** Signature, attestations, SBOM. */
const kinds = ["sig", "att", "sbom"] as const;

/** Under which tags cosign keeps what belongs to a manifest, unless it is told to use referrers (cosign 2) or keeps bundles (cosign 3). */
export function cosignTags(digest: Digest): string[] {
  return kinds.map((kind) => `${digestAlgorithm(digest)}-${digestHex(digest)}.${kind}`);
}

/** Whether all that cosign keeps under a tag of one place stands under it at the other too: each signature is a layer. */
export function holdsAll(one: RemoteManifest, other: RemoteManifest): boolean {
  if (one.kind !== "manifest" || other.kind !== "manifest") return one.digest === other.digest;
  const there = new Set(one.value.layers.map(layerKey));
  return other.value.layers.every((layer) => there.has(layerKey(layer)));
}

/** Signatures of one image with several keys have the same bytes; what tells them apart stands in the annotations. */
function layerKey({ digest, annotations = {} }: { digest: string; annotations?: object }): string {
  return JSON.stringify([digest, Object.entries(annotations).sort()]);
}
