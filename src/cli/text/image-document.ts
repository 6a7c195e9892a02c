import type { ImageSummary } from "../../engine/index.ts";
import { familiarReference, type ImageConfig, parseReference } from "../../oci/index.ts";

/** An image as `docker image inspect` shows it. */
export function imageDocument(
  { image, size, layers }: ImageSummary,
  config: ImageConfig,
): Record<string, unknown> {
  const familiar = (names: readonly string[]) => names.map((name) => familiarReference(parseReference(name)));
  return {
    Id: image.id,
    RepoTags: familiar(image.tags),
    RepoDigests: familiar(image.repoDigests),
    ...(image.manifest ? { Descriptor: image.manifest } : {}),
    Created: config.created ?? "",
    Author: config.author ?? "",
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: size,
    RootFS: { Type: "layers", Layers: image.diffIDs },
    Layers: layers.map(({ diffID, size: bytes, entries }) => ({
      DiffID: diffID,
      Size: bytes,
      Entries: entries,
    })),
    Metadata: { LastTagTime: new Date(image.addedAt).toISOString() },
  };
}
