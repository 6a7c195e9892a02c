import { throwIfAborted } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import type { Compression, Digest, Reference } from "../../oci/index.ts";
import type { Image, Store } from "../../store/index.ts";
import { type EntryHeader, type TarSink, TarWriter } from "../../tar/index.ts";
import { blobName } from "../load/contents.ts";
import {
  dockerDocument,
  indexDocument,
  layoutDocument,
  type NamedImage,
  repositoriesDocument,
} from "./documents.ts";
import { planImage, type SavedBlob } from "./plan.ts";

export interface SaveRequest {
  readonly image: Image;
  /** What it is called in the archive; each with a tag. */
  readonly names: readonly Reference[];
}

export interface SaveOptions {
  /** `docker` (default): an OCI layout that is a docker-archive too. `oci`: the layout alone. */
  readonly format?: "docker" | "oci";
  /** How layers are packed. Default: as the image's own manifest has them, else not at all. */
  readonly compression?: Compression;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/**
 * Writes images as one tar. The same images, names and options give the same bytes. Errors: IMAGE_NOT_FOUND,
 * LAYER_DAMAGED, STORE_FULL, CANCELED, what the sink throws.
 */
export async function saveArchive(
  store: Store,
  requests: readonly SaveRequest[],
  sink: TarSink,
  options: SaveOptions = {},
): Promise<void> {
  const { format = "docker", signal, emit = emitNothing } = options;
  using lease = store.lease("save");
  const images: NamedImage[] = [];
  for (const { image, names } of merge(requests)) {
    store.images.hold(image.id, lease);
    const saved = await planImage(store, image, { ...options, onlyOCI: format === "oci", lease });
    images.push({ saved, names });
  }

  const tar = new TarWriter(sink, { wholeSeconds: true });
  // Documents first: who reads the stream knows what it is before the layers come.
  await tar.add(file("oci-layout", layoutDocument.length), layoutDocument);
  const index = indexDocument(images);
  await tar.add(file("index.json", index.length), index);
  if (format === "docker") {
    const manifest = dockerDocument(images);
    await tar.add(file("manifest.json", manifest.length), manifest);
    const repositories = repositoriesDocument(images);
    if (repositories) await tar.add(file("repositories", repositories.length), repositories);
  }
  await tar.add(directory("blobs/"));
  await tar.add(directory("blobs/sha256/"));
  const blobs = new Map<Digest, SavedBlob>(
    images.flatMap(({ saved }) => saved.blobs.map((blob) => [blob.digest, blob])),
  );
  for (const [digest, blob] of [...blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    throwIfAborted(signal);
    const step = `save ${digest}`;
    emit({ type: "step.started", step, name: digest, kind: "export", at: Date.now() });
    const { content } = blob;
    const body =
      content instanceof Uint8Array
        ? content
        : (Bun.file(content.path).stream() as unknown as AsyncIterable<Uint8Array>);
    await tar.add(file(blobName(digest), blob.size), abortable(body, signal));
    emit({ type: "step.done", step, outcome: "done", at: Date.now() });
  }
  await tar.finish();
}

/** One entry for each image, with all names it was asked for by. */
function merge(requests: readonly SaveRequest[]): SaveRequest[] {
  const images = new Map<Digest, SaveRequest>();
  for (const { image, names } of requests) {
    const before = images.get(image.id)?.names ?? [];
    const fresh = names.filter(
      (name) => !before.some((known) => JSON.stringify(known) === JSON.stringify(name)),
    );
    images.set(image.id, { image, names: [...before, ...fresh] });
  }
  return [...images.values()];
}

async function* abortable(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  for await (const chunk of body) {
    throwIfAborted(signal);
    yield chunk;
  }
}

function file(path: string, size: number): EntryHeader {
  return { ...blank, type: "file", path, mode: 0o644, size };
}

function directory(path: string): EntryHeader {
  return { ...blank, type: "directory", path, mode: 0o755 };
}

const blank: EntryHeader = {
  ...{ type: "file", path: "", mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0 },
  ...{ linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
} as const;
