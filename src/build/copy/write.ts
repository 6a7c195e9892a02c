import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { createDigester, type Digest } from "../../oci/index.ts";
import type { EntryHeader } from "../../tar/index.ts";
import type { DigestList } from "./digest-list.ts";
import type { CopyEntry } from "./entries.ts";
import type { OpenFile } from "./source.ts";

/** Contents at hand that need not be opened and read in their source. */
export interface Contents {
  /**
   * Bytes with this sha256 digest (32 bytes), good until the next call; undefined when they are not at hand. `path` is
   * the one in the image.
   */
  find(path: string, wanted: { readonly size: number; readonly digest: Uint8Array }): Uint8Array | undefined;
}

/** What a layer's writer must be able to do. */
export interface EntrySink {
  addEntry(header: EntryHeader, content?: Uint8Array): void;
  addStream(header: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface WriteOptions {
  /** Digests found before, by position of the item; a file that changed since is hashed again. */
  readonly known?: DigestList;
  /** Where contents whose digest is known may be taken from. */
  readonly earlier?: Contents;
  /**
   * Told every entry as it was written, with the digest of a file's bytes or "". Not told those that came from `earlier`: theirs
   * are the known ones.
   */
  readonly onEntry: (header: EntryHeader, content: string, entry: CopyEntry) => void;
  readonly signal?: AbortSignal;
  /** Files done so far. */
  readonly onProgress?: (files: number) => void;
}

/** Files up to this size are read in one piece. */
const pieceSize = 1 << 20;
/** So many files are written between looks at the abort signal and turns of the event loop, which give written buffers back. */
const batch = 64;

/**
 * Writes the entries and tells the digest of every file as it was written. A file whose digest is not known yet is hashed
 * in the same pass, so each is read once. One that was changed since the scan is copied as it is now.
 * Throws BUILD_CONTEXT_CHANGED when a file gets shorter while it is read.
 */
export async function writeEntries(
  entries: Iterable<CopyEntry>,
  sink: EntrySink,
  options: WriteOptions,
): Promise<void> {
  const piece = Buffer.allocUnsafe(pieceSize);
  let count = 0;
  for (const entry of entries) {
    if (count++ % batch === 0) {
      options.onProgress?.(count);
      await new Promise(setImmediate);
      throwIfAborted(options.signal);
    }
    const { header, body } = entry;
    if (!body) {
      sink.addEntry(header);
      options.onEntry(header, "", entry);
      continue;
    }
    const wanted = options.earlier && options.known?.bytes(entry.index);
    const kept = wanted && options.earlier?.find(`/${header.path}`, { size: header.size, digest: wanted });
    if (kept) {
      sink.addEntry(header, kept);
      continue;
    }
    const before = options.known?.get(entry.index);
    const file = body.source.open(body.from, body.node, { verify: before !== undefined });
    try {
      const size = file.size;
      const known = file.unchanged ? before : undefined;
      let digest: Digest;
      if (size <= pieceSize) {
        const bytes = piece.subarray(0, fill(file, piece, { size, name: header.path }));
        sink.addEntry(size === header.size ? header : { ...header, size }, bytes);
        digest = known ?? hashOf(bytes);
      } else {
        const digester = known === undefined ? createDigester() : undefined;
        await sink.addStream({ ...header, size }, pieces(file, piece, { size, name: header.path, digester }));
        digest = known ?? digester!.digest();
      }
      if (before === undefined) body.source.learnDigest(body.from, body.node, digest);
      options.onEntry(header, digest, entry);
    } finally {
      file.close();
    }
  }
}

/** Digest of a file's bytes, read now unless it is known. */
export function digestOf(entry: CopyEntry): Digest {
  const { source, from, node } = entry.body!;
  const known = source.knownDigest(from, node);
  if (known !== undefined) return known;
  const file = source.open(from, node, { verify: true });
  try {
    const digester = createDigester();
    const piece = Buffer.allocUnsafe(Math.min(pieceSize, file.size));
    for (let at = 0; at < file.size; ) {
      const count = file.read(piece.subarray(0, Math.min(piece.length, file.size - at)), at);
      if (count === 0) throw shrunk(entry.header.path);
      digester.update(piece.subarray(0, count));
      at += count;
    }
    const digest = digester.digest();
    if (file.unchanged) source.learnDigest(from, node, digest);
    return digest;
  } finally {
    file.close();
  }
}

/** As `sha256` of src/oci, at half the cost for small files: node:crypto makes a stream of every hash. */
function hashOf(bytes: Uint8Array): Digest {
  return `sha256:${Bun.CryptoHasher.hash("sha256", bytes, "hex")}` as Digest;
}

function fill(file: OpenFile, piece: Buffer, { size, name }: { size: number; name: string }): number {
  let at = 0;
  while (at < size) {
    const count = file.read(piece.subarray(at, size), at);
    if (count === 0) throw shrunk(name);
    at += count;
  }
  return size;
}

async function* pieces(
  file: OpenFile,
  piece: Buffer,
  { size, name, digester }: { size: number; name: string; digester?: { update(chunk: Uint8Array): void } },
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; ) {
    const count = file.read(piece.subarray(0, Math.min(piece.length, size - at)), at);
    if (count === 0) throw shrunk(name);
    const bytes = piece.subarray(0, count);
    digester?.update(bytes);
    yield bytes;
    at += count;
  }
}

function shrunk(name: string): StrakeError {
  return new StrakeError("BUILD_CONTEXT_CHANGED", `${name} became shorter while it was being copied`, {
    hint: "run the build again when nothing writes to it",
  });
}
