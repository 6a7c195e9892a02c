import {
  type Descriptor,
  digestHex,
  encodeDocument,
  encodeIndex,
  familiarName,
  familiarReference,
  formatReference,
  mediaTypes,
  type Reference,
} from "../../oci/index.ts";
import type { SavedImage } from "./plan.ts";

/** An image of the archive with the names it gets there; all of them have a tag. */
export interface NamedImage {
  readonly saved: SavedImage;
  readonly names: readonly Reference[];
}

/**
 * index.json: one entry for each name, as containerd and Docker 25 write it: the whole name in containerd's annotation, the tag in
 * the OCI one (which umoci and skopeo take for the name inside the layout).
 */
export function indexDocument(images: readonly NamedImage[]): Uint8Array {
  const manifests = images.flatMap(({ saved, names }): Descriptor[] => {
    const { os, architecture, variant } = saved.image;
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    const plain = { ...saved.manifest, platform };
    if (names.length === 0) return [plain];
    return names.map((name) => ({
      ...plain,
      annotations: {
        "io.containerd.image.name": formatReference(name),
        "org.opencontainers.image.ref.name": name.tag!,
      },
    }));
  });
  return encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}

/** manifest.json of a docker-archive, with paths into the layout's blobs. */
export function dockerDocument(images: readonly NamedImage[]): Uint8Array {
  return encodeDocument(
    images.map(({ saved, names }) => ({
      Config: `blobs/sha256/${digestHex(saved.config)}`,
      RepoTags: names.length === 0 ? null : names.map(familiarReference),
      Layers: saved.layers.map((digest) => `blobs/sha256/${digestHex(digest)}`),
    })),
  );
}

/** `repositories`, which tools older than Docker 1.10's format still look at; undefined without names. */
export function repositoriesDocument(images: readonly NamedImage[]): Uint8Array | undefined {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { saved, names } of images)
    for (const name of names) {
      const top = saved.layers.at(-1);
      if (top === undefined) continue;
      repositories[familiarName(name)] = {
        ...repositories[familiarName(name)],
        [name.tag!]: digestHex(top),
      };
    }
  return Object.keys(repositories).length === 0 ? undefined : encodeDocument(repositories);
}

export const layoutDocument: Uint8Array = encodeDocument({ imageLayoutVersion: "1.0.0" });
