import { StrakeError } from "../../errors/index.ts";
import { type Digest, decodeConfig, type ImageConfig } from "../../oci/index.ts";
import { quote } from "../../tar/index.ts";
import type { ArchiveContents, StoredLayer } from "./contents.ts";
import type { FoundImage } from "./image.ts";
import { repoTags } from "./names.ts";

const imagesLimit = 1000;

/** The images of a docker-archive, by its manifest.json. Errors: ARCHIVE_*, CONFIG_INVALID. */
export function dockerImages(contents: ArchiveContents): FoundImage[] {
  const manifest = contents.json("manifest.json");
  if (!Array.isArray(manifest)) throw invalid("it is not a list");
  if (manifest.length > imagesLimit)
    throw new StrakeError("ARCHIVE_LIMIT", `the archive holds more than ${imagesLimit} images`);
  return manifest.map((item) => {
    if (typeof item !== "object" || item === null) throw invalid("an image is not an object");
    const { Config, Layers, RepoTags } = item as Record<string, unknown>;
    if (typeof Config !== "string") throw invalid("an image has no Config");
    const names = repoTags(RepoTags);
    const config = decodeConfig(contents.document(Config));
    checkPromise(Config, config.digest);
    return { id: config.digest, config, layers: layersOf(contents, Layers, config.value), names };
  });
}

function layersOf(contents: ArchiveContents, value: unknown, config: ImageConfig): StoredLayer[] {
  const list = value ?? [];
  if (!Array.isArray(list) || list.some((name) => typeof name !== "string"))
    throw invalid("Layers is not a list of names");
  const diffIDs = config.rootfs.diff_ids;
  if (list.length !== diffIDs.length)
    throw invalid(`an image has ${list.length} layers, its configuration ${diffIDs.length}`);
  return list.map((name: string, i) => {
    // Windows base layers are named but left out; their addresses are the archive's word, and nothing is fetched on that.
    if (!contents.has(name))
      throw new StrakeError("ARCHIVE_INCOMPLETE", `the archive has no layer ${quote(name)}`, {
        hint: "save the image again with a tool that includes all layers; layers are never fetched from addresses an archive names",
      });
    const layer = contents.layer(name);
    checkDiffID(layer.diffID, diffIDs[i]!, name);
    return layer;
  });
}

/** Errors: ARCHIVE_MISMATCH. */
export function checkDiffID(found: Digest, promised: Digest, name: string): void {
  if (found === promised) return;
  throw new StrakeError(
    "ARCHIVE_MISMATCH",
    `layer ${quote(name)} is ${found}; the image's configuration says ${promised}`,
  );
}

/** A config is named after its digest; one that is not what its name says was tampered with. */
function checkPromise(name: string, digest: Digest): void {
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex === undefined || `sha256:${hex}` === digest) return;
  throw new StrakeError("ARCHIVE_MISMATCH", `the configuration ${quote(name)} has digest ${digest}`);
}

function invalid(why: string): StrakeError {
  return new StrakeError("ARCHIVE_INVALID", `the archive's manifest.json is malformed: ${why}`);
}
