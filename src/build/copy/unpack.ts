import { throwIfAborted } from "../../errors/index.ts";
import { decompress } from "../../layer/index.ts";
import { Collections } from "../../sys/index.ts";
import { cleanEntryPath, type EntryHeader, readTar } from "../../tar/index.ts";
import { contentOf } from "./archive.ts";
import { baseName, cleanJoin, type Destination, joinPath, parentOf } from "./destination.ts";
import { type CopyAttributes, directoryHeader } from "./entries.ts";
import type { ArchiveItem } from "./item.ts";
import type { EntrySink } from "./write.ts";

/** Entries between collections; each leaves a header, promises and pieces behind. */
const collectEvery = 1000;
const fullEvery = 20;

export interface UnpackOptions extends CopyAttributes {
  readonly signal?: AbortSignal;
}

/**
 * Writes the entries of an archive of ADD below its destination. Nothing is unpacked anywhere: each entry gets a new name
 * and goes on into the layer. Names that climb are refused (cleanEntryPath); symlinks on the way, of the image or of the
 * archive itself, are followed inside the image only.
 */
export async function unpackArchive(
  archive: ArchiveItem,
  destination: Destination,
  sink: EntrySink,
  options: UnpackOptions,
): Promise<void> {
  const content = contentOf(archive.source, archive.from, archive.node);
  /** Directories of the archive that symlinks lead elsewhere, and where to: hardlinks name what is in them. */
  const moved = new Map<string, string>();
  const placeOf = (inside: string) => {
    const above = parentOf(inside);
    return joinPath(moved.get(above) ?? cleanJoin(archive.path, above), baseName(inside));
  };
  const collections = new Collections({ every: collectEvery, fullEvery });
  for await (const { entry, body } of readTar(decompress(content, { signal: options.signal }))) {
    throwIfAborted(options.signal);
    collections.passed(1);
    const inside = cleanEntryPath(entry.path);
    if (inside === "/") continue;
    const above = cleanJoin(archive.path, parentOf(inside));
    const parent = makeParents(above, destination, sink, options);
    if (parent !== above) moved.set(parentOf(inside), parent);
    else moved.delete(parentOf(inside));
    const path = joinPath(parent, baseName(inside));
    const header = headerAt(path, entry, options);
    if (entry.type === "hardlink")
      sink.addEntry({ ...header, linkname: placeOf(cleanEntryPath(entry.linkname)).slice(1) });
    else if (entry.type === "file") await sink.addStream(header, body);
    else sink.addEntry(header);
    const isLink = entry.type === "symlink";
    const kind = entry.type === "directory" ? "directory" : isLink ? "symlink" : "other";
    destination.put(path, kind, isLink ? entry.linkname : undefined);
  }
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
