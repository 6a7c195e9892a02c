import { throwIfAborted } from "../../errors/index.ts";
import { decompress } from "../../layer/index.ts";
import { cleanEntryPath, type EntryHeader, readTar } from "../../tar/index.ts";
import { isTarHeader } from "./archive.ts";
import { baseName, cleanJoin, type Destination, joinPath, parentOf } from "./destination.ts";
import { type CopyAttributes, directoryHeader } from "./entries.ts";
import type { CopyArchive, CopyPlan } from "./map.ts";
import type { CopySource, SourceNode } from "./source.ts";
import type { EntrySink } from "./write.ts";

export interface UnpackOptions extends CopyAttributes {
  readonly signal?: AbortSignal;
}

/**
 * Writes the entries of ADD's archives below their destinations. Nothing is unpacked anywhere: each entry gets a new name
 * and goes on into the layer. Names that climb are refused (cleanEntryPath); symlinks on the way, of the image or of the
 * archive itself, are followed inside the image only.
 */
export async function unpackArchives(plan: CopyPlan, sink: EntrySink, options: UnpackOptions): Promise<void> {
  for (const archive of plan.archives) await unpackOne(archive, plan.destination, sink, options);
}

async function unpackOne(
  archive: CopyArchive,
  destination: Destination,
  sink: EntrySink,
  options: UnpackOptions,
): Promise<void> {
  const { first, rest } = await firstBlock(decompress(bytesOf(archive), { signal: options.signal }));
  if (!isTarHeader(first)) {
    await copyPlain(archive, destination, sink, options);
    return;
  }
  const placed = new Map<string, string>();
  for await (const { entry, body } of readTar(rest)) {
    throwIfAborted(options.signal);
    const inside = cleanEntryPath(entry.path);
    if (inside === "/") continue;
    const parent = makeParents(cleanJoin(archive.path, parentOf(inside)), destination, sink, options);
    const path = joinPath(parent, baseName(inside));
    const header = headerAt(path, entry, options);
    if (entry.type === "hardlink") {
      const target = cleanEntryPath(entry.linkname);
      sink.addEntry({ ...header, linkname: placed.get(target) ?? cleanJoin(archive.path, target).slice(1) });
    } else if (entry.type === "file") await sink.addStream(header, body);
    else sink.addEntry(header);
    placed.set(inside, path.slice(1));
    const isLink = entry.type === "symlink";
    const kind = entry.type === "directory" ? "directory" : isLink ? "symlink" : "other";
    destination.put(path, kind, isLink ? entry.linkname : undefined);
  }
}

/** A packed file that is no archive is copied under its own name, as it is. */
async function copyPlain(
  { path, source, from, node }: CopyArchive,
  destination: Destination,
  sink: EntrySink,
  options: UnpackOptions,
): Promise<void> {
  const to = joinPath(path, baseName(from));
  const { mode, uid, gid, size, mtime } = node;
  const facts = { type: "file", path: to, mode, uid, gid, size, mtime, mtimeNsec: 0 } as const;
  const header = headerAt(
    to,
    { ...facts, linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
    options,
  );
  await sink.addStream(header, chunksOf(source, from, node));
  destination.put(to, "other");
}

function headerAt(path: string, entry: EntryHeader, { owner, mode, epoch }: CopyAttributes): EntryHeader {
  const isDirectory = entry.type === "directory";
  return {
    type: entry.type,
    path: isDirectory ? `${path.slice(1)}/` : path.slice(1),
    mode: entry.type === "symlink" ? 0o777 : (mode?.apply(entry.mode, isDirectory) ?? entry.mode),
    uid: owner?.uid ?? entry.uid,
    gid: owner?.gid ?? entry.gid,
    size: entry.type === "file" ? entry.size : 0,
    mtime: epoch ?? entry.mtime,
    mtimeNsec: 0,
    linkname: entry.type === "symlink" ? entry.linkname : "",
    uname: "",
    gname: "",
    devmajor: entry.devmajor,
    devminor: entry.devminor,
    ...(entry.xattrs && { xattrs: entry.xattrs }),
  };
}

/**
 * The resolved path of a directory, written with those above it where this step has not done so. What stands in the way gives way,
 * as it does when a tar is unpacked.
 */
function makeParents(
  path: string,
  destination: Destination,
  sink: EntrySink,
  options: CopyAttributes,
): string {
  const to = destination.resolve(path);
  for (;;) {
    const { directories, blocked } = destination.enter(to);
    for (const directory of directories) sink.addEntry(directoryHeader(directory, options));
    if (blocked === undefined) return to;
    sink.addEntry(directoryHeader({ path: blocked }, options));
    destination.put(blocked, "directory");
  }
}

function bytesOf({ source, from, node }: CopyArchive): AsyncGenerator<Uint8Array> {
  return chunksOf(source, from, node);
}

async function* chunksOf(source: CopySource, path: string, node: SourceNode): AsyncGenerator<Uint8Array> {
  const file = source.open(path, node, { verify: true });
  try {
    for (let at = 0; at < file.size; ) {
      const piece = new Uint8Array(Math.min(256 * 1024, file.size - at));
      const count = file.read(piece, at);
      if (count === 0) return;
      yield piece.subarray(0, count);
      at += count;
    }
  } finally {
    file.close();
  }
}

/** The first 512 bytes of a stream, and the stream with them. */
async function firstBlock(
  stream: AsyncGenerator<Uint8Array>,
): Promise<{ first: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < 512) {
    const { value, done } = await stream.next();
    if (done) break;
    held.push(value);
    length += value.length;
  }
  const rest = (async function* () {
    yield* held;
    yield* stream;
  })();
  return { first: Buffer.concat(held).subarray(0, 512), rest };
}
