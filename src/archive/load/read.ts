import { type ErrorCode, StrakeError, throwIfAborted, toStrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import { decompress, detectCompression, ingestTar } from "../../layer/index.ts";
import { layerMediaType } from "../../oci/index.ts";
import type { Lease, Store } from "../../store/index.ts";
import { type Entry, quote, readTar } from "../../tar/index.ts";
import { ArchiveContents, type ArchiveFile, promisedDigest } from "./contents.ts";

export interface ReadArchiveOptions {
  readonly store: Store;
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** A file that begins like JSON and is not larger than this is kept in memory as a document. */
const documentLimit = 8 << 20;
/** All documents of an archive together: memory stays flat whatever an archive holds. */
const documentsLimit = 64 << 20;
/** Entries of an archive; a thousand images of a hundred layers fit. */
const entriesLimit = 200_000;

/** What can be wrong with a file that is no layer. It matters only when something refers to the file. */
const unreadableCodes: readonly ErrorCode[] = [
  ...(["TAR_INVALID", "TAR_TRUNCATED", "TAR_LIMIT", "TAR_UNSUPPORTED", "LAYER_ENTRY_INVALID"] as const),
  ...(["COMPRESSION_INVALID", "COMPRESSION_TRUNCATED", "COMPRESSION_LIMIT"] as const),
  ...(["EROFS_INVALID", "EROFS_LIMIT"] as const),
];

/**
 * Reads an image archive once, front to back, whatever the order of its entries: layers go straight into the store while
 * they flow by, documents into memory, and only at the end is it known what refers to what. The archive itself may be
 * packed with gzip, zstd, xz or bzip2.
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  options: ReadArchiveOptions,
): Promise<ArchiveContents> {
  const { signal } = options;
  const contents = new ArchiveContents();
  let documents = 0;
  let entries = 0;
  for await (const { entry, body } of readTar(decompress(source, { signal }), { signal })) {
    throwIfAborted(signal);
    if (++entries > entriesLimit)
      throw new StrakeError("ARCHIVE_LIMIT", `the archive has more than ${entriesLimit} entries`);
    const name = cleanName(entry.path);
    if (name === undefined) continue;
    if (entry.type === "symlink") contents.addLink(name, joinNames(name, entry.linkname));
    else if (entry.type === "hardlink") contents.addLink(name, cleanName(entry.linkname) ?? "");
    if (entry.type !== "file") continue;
    const file = await readFile(entry, name, { body, options });
    if (file.kind === "document") {
      documents += file.bytes.length;
      if (documents > documentsLimit)
        throw new StrakeError(
          "ARCHIVE_LIMIT",
          `the archive's documents have more than ${documentsLimit} bytes`,
        );
    }
    contents.addFile(name, file);
  }
  if (entries === 0) throw new StrakeError("ARCHIVE_INVALID", "the archive is empty");
  return contents;
}

interface FileSource {
  readonly body: AsyncIterable<Uint8Array>;
  readonly options: ReadArchiveOptions;
}

async function readFile(entry: Entry, name: string, { body, options }: FileSource): Promise<ArchiveFile> {
  const { start, all } = await peek(body);
  if (entry.size <= documentLimit && looksLikeJSON(start))
    return { kind: "document", bytes: await collect(all) };
  const { emit = emitNothing } = options;
  const step = `load ${name}`;
  emit({ type: "step.started", step, name: `layer ${name}`, kind: "layer", at: Date.now() });
  try {
    const { file, cached } = await readLayer(entry, name, { start, body: all, options, step });
    emit({ type: "step.done", step, outcome: cached ? "cached" : "done", at: Date.now() });
    return file;
  } catch (thrown) {
    const error = toStrakeError(thrown);
    const unreadable = unreadableCodes.includes(error.code);
    emit({
      type: "step.done",
      step,
      outcome: unreadable ? "skipped" : error.code === "CANCELED" ? "canceled" : "failed",
      error,
      at: Date.now(),
    });
    if (!unreadable) throw error;
    const why = new StrakeError(error.code, `${quote(name)} in the archive is no layer: ${error.message}`, {
      cause: error,
    });
    return { kind: "unreadable", size: entry.size, error: why };
  }
}

interface LayerSource extends FileSource {
  readonly start: Uint8Array;
  readonly step: string;
}

async function readLayer(
  entry: Entry,
  name: string,
  { start, body, options, step }: LayerSource,
): Promise<{ file: ArchiveFile; cached: boolean }> {
  const { store, lease, signal, emit = emitNothing } = options;
  const promised = promisedDigest(name);
  let reported = 0;
  const progress = (bytes: number) => {
    // Renderers draw some ten times a second; more records would only be thrown away.
    if (bytes - reported < 4 << 20) return;
    reported = bytes;
    const { size: total } = entry;
    emit({
      type: "step.progress",
      step,
      unit: "bytes",
      current: Math.min(bytes, total),
      total,
      at: Date.now(),
    });
  };

  const format = detectCompression(start);
  if (format === "none") {
    const known = promised !== undefined && store.layers.isIntact(promised);
    const layer = await ingestTar(store, body, {
      lease,
      ...(promised === undefined ? {} : { expectedDiffID: promised }),
      expectedSize: entry.size,
      ...(signal === undefined ? {} : { signal }),
      onProgress: progress,
    });
    const form = { digest: layer.diffID, size: layer.size };
    return { file: { kind: "layer", diffID: layer.diffID, form, compression: "none" }, cached: known };
  }

  // The compressed bytes are kept as they came, so that saving or pushing the image gives the same manifest again.
  const compression = format === "gzip" || format === "zstd" ? format : "other";
  const blob = await store.blobs.put(body, {
    lease,
    ...(promised === undefined ? {} : { digest: promised }),
    size: entry.size,
    ...(signal === undefined ? {} : { signal }),
    onProgress: progress,
  });
  const before = store.layers.byForm(blob.digest);
  const isThere = before !== undefined && lease.add("layer", before.diffID);
  const known = isThere && store.layers.isIntact(before.diffID) ? before : undefined;
  const layer =
    known ??
    (await ingestTar(store, decompress(store.blobs.stream(blob.digest), { reuse: true }), {
      lease,
      isWhole: true,
      ...(signal ? { signal } : {}),
    }));
  if (compression !== "other")
    store.layers.addForm(layer.diffID, { mediaType: layerMediaType(compression), ...blob });
  return {
    file: {
      kind: "layer",
      diffID: layer.diffID,
      form: { digest: blob.digest, size: blob.size },
      compression,
    },
    cached: known !== undefined,
  };
}

/** A tar begins with a name, not with a bracket: no layer is ever taken for a document unless its first file says so. */
function looksLikeJSON(start: Uint8Array): boolean {
  const isTar = start.length >= 262 && Buffer.from(start.subarray(257, 262)).toString("latin1") === "ustar";
  const first = start.find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  return !isTar && (first === 0x7b || first === 0x5b);
}

/** At least the first block of a body (fewer bytes when it is shorter), and the whole of it. */
async function peek(
  body: AsyncIterable<Uint8Array>,
): Promise<{ start: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = body[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < 512) {
    const next = await iterator.next();
    if (next.done) break;
    // A source may reuse its buffer for the next chunk.
    parts.push(next.value.length < 512 ? next.value.slice() : next.value);
    length += next.value.length;
  }
  const start = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    if (start.length > 0) yield start;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { start, all: all() };
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part.slice());
  return Buffer.concat(parts);
}

/** `./a//b` and `a/b` are one name. A name that leads out of the archive is none. */
function cleanName(path: string): string | undefined {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..")) return undefined;
  return parts.join("/");
}

/** Where a symlink in the archive leads, inside the archive; "" is nothing there. */
function joinNames(name: string, target: string): string {
  const parts = target.startsWith("/") ? [] : name.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return "";
  }
  return parts.join("/");
}
