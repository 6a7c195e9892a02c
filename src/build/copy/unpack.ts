import { throwIfAborted } from "../../errors/index.ts";
import { decompress } from "../../layer/index.ts";
import { cleanEntryPath, type EntryHeader, readTar } from "../../tar/index.ts";
import { contentOf } from "./archive.ts";
import { baseName, cleanJoin, type Destination, joinPath, parentOf } from "./destination.ts";
import { type CopyAttributes, directoryHeader } from "./entries.ts";
import type { CopyArchive } from "./map.ts";
import type { EntrySink } from "./write.ts";

export interface UnpackOptions extends CopyAttributes {
  readonly signal?: AbortSignal;
}

/**
 * Writes the entries of an archive of ADD below its destination. Nothing is unpacked anywhere: each entry gets a new name
 * and goes on into the layer. Names that climb are refused (cleanEntryPath); symlinks on the way, of the image or of the
 * archive itself, are followed inside the image only.
 */
export async function unpackArchive(
  archive: CopyArchive,
  destination: Destination,
  sink: EntrySink,
  options: UnpackOptions,
): Promise<void> {
  const content = contentOf(archive.source, archive.from, archive.node);
  const placed = new Map<string, string>();
  for await (const { entry, body } of readTar(decompress(content, { signal: options.signal }))) {
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
