import type { Entry, EntryHeader } from "../tar/index.ts";
import { type Draft, header } from "./draft.test-support.ts";
import { buildIndex, ErofsReader } from "./index.ts";

/** Drafts as a scanner would find them in a tar, one header block each. */
export function entriesOf(drafts: readonly Draft[]): Entry[] {
  let offset = 0;
  return drafts.map((draft) => {
    const found: EntryHeader = header(draft);
    const entry = { ...found, headerOffset: offset, dataOffset: offset + 512, storedSize: found.size };
    offset += 512 + Math.ceil(entry.storedSize / 512) * 512;
    return entry;
  });
}

export function readerOf(drafts: readonly Draft[]): ErofsReader {
  return new ErofsReader(buildIndex(entriesOf(drafts)).image);
}

/** Everything in an index by path, each as one line a test can compare; whiteouts and opaque marks show as such. */
export function viewOf(reader: ErofsReader): Record<string, string> {
  const view: Record<string, string> = {};
  const pending = [{ path: "/", nid: reader.root }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { path, nid } = next;
    const inode = reader.inode(nid);
    const words: (string | number)[] = [inode.type, inode.mode.toString(8)];
    if (inode.uid || inode.gid) words.push(`${inode.uid}:${inode.gid}`);
    if (inode.type === "file") words.push(inode.size);
    if (inode.type === "symlink") words.push(`-> ${reader.readlink(nid)}`);
    if (inode.type === "char" || inode.type === "block") words.push(`${inode.devmajor},${inode.devminor}`);
    if (inode.nlink !== 1 && inode.type !== "directory") words.push(`links=${inode.nlink}`);
    for (const [name, value] of reader.xattrs(nid)) words.push(`${name}=${Buffer.from(value)}`);
    view[path] = words.join(" ");
    if (inode.type !== "directory") continue;
    for (const child of reader.readdir(nid))
      pending.push({ path: path === "/" ? `/${child.name}` : `${path}/${child.name}`, nid: child.nid });
  }
  return view;
}
