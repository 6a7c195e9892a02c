import { StrakeError } from "../../errors/index.ts";
import {
  type ContainerConfig,
  decodeConfig,
  encodeConfig,
  type HistoryEntry,
  type ImageConfig,
  type Reference,
} from "../../oci/index.ts";
import type { ArchiveContents, StoredLayer } from "./contents.ts";
import type { FoundImage } from "./image.ts";
import { archiveName } from "./names.ts";

const depthLimit = 1000;
const imagesLimit = 1000;

/** An image of Docker before 1.10: one JSON a layer, linked by parents (Docker image spec v1). */
interface LegacyImage {
  readonly id: string;
  readonly parent?: string;
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: ContainerConfig;
  readonly container_config?: { readonly Cmd?: readonly string[] | null };
}

/** The images of a docker-archive that has only `repositories`. Errors: ARCHIVE_*. */
export function legacyImages(contents: ArchiveContents): FoundImage[] {
  const names = new Map<string, Reference[]>();
  for (const [repository, tags] of Object.entries(object(contents.json("repositories"), "repositories")))
    for (const [tag, id] of Object.entries(object(tags, repository))) {
      const list = names.get(imageID(id)) ?? [];
      list.push(archiveName(`${repository}:${tag}`));
      names.set(imageID(id), list);
    }
  if (names.size > imagesLimit)
    throw new StrakeError("ARCHIVE_LIMIT", `the archive holds more than ${imagesLimit} images`);
  return [...names].map(([id, references]) => legacyImage(contents, id, references));
}

function legacyImage(contents: ArchiveContents, id: string, names: readonly Reference[]): FoundImage {
  const chain: LegacyImage[] = [];
  for (let at: string | undefined = id; at !== undefined && at !== ""; ) {
    const image = object(contents.json(`${at}/json`), `${at}/json`) as unknown as LegacyImage;
    if (imageID(image.id) !== at) throw invalid(`${at}/json says it is ${image.id}`);
    chain.unshift(image);
    if (chain.length > depthLimit)
      throw new StrakeError("ARCHIVE_LIMIT", `image ${id} has more than ${depthLimit} layers`);
    at = image.parent === undefined || image.parent === "" ? undefined : imageID(image.parent);
  }
  const layers: StoredLayer[] = chain.map((image) => contents.layer(`${image.id}/layer.tar`));
  const top = chain.at(-1)!;
  const value: ImageConfig = {
    ...(top.created === undefined ? {} : { created: top.created }),
    ...(top.author ? { author: top.author } : {}),
    architecture: top.architecture ?? "amd64",
    os: top.os ?? "linux",
    config: top.config ?? {},
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffID) },
    history: chain.map(historyOf),
  };
  // Encoded and read again: what the archive claimed is checked like any other configuration.
  const config = decodeConfig(encodeConfig(value));
  return { id: config.digest, config, layers, names };
}

function historyOf(image: LegacyImage): HistoryEntry {
  return {
    ...(image.created === undefined ? {} : { created: image.created }),
    created_by: (image.container_config?.Cmd ?? []).join(" "),
    ...(image.author ? { author: image.author } : {}),
    ...(image.comment ? { comment: image.comment } : {}),
  };
}

/** 64 hexadecimal digits and nothing else: an id like `../../etc` names nothing (CVE-2014-9358). */
function imageID(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid(`${JSON.stringify(value)?.slice(0, 100)} is not an image id`);
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw invalid(`${JSON.stringify(name)} is not an object`);
}

function invalid(why: string): StrakeError {
  return new StrakeError("ARCHIVE_INVALID", `the archive is malformed: ${why}`);
}
