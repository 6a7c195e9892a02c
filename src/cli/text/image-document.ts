import type { ImageSummary } from "../../engine/index.ts";
import { familiarReference, type ImageConfig, parseReference } from "../../oci/index.ts";

/** What docker shows for fields that a configuration leaves out, so that templates and scripts find them. */
const unset = { User: "", Env: null, Cmd: null, Entrypoint: null, WorkingDir: "", Labels: null };

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
    Config: { ...unset, ...config.config },
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
