import { type ErofsReader, type Inode, isWhiteout, opaqueName, sortByBytes } from "../../erofs/index.ts";
import type { Node, Part, TreeEntry } from "./node.ts";

/** The readers of a tree's layers, lowest first. */
export type Readers = (layer: number) => ErofsReader;

/**
 * The node that a name of several layers comes to, seen from the top down as overlayfs merges
 * (Documentation/filesystems/overlayfs.rst): a whiteout ends the search, what is no directory covers all below it,
 * directories merge until one is opaque or something else lies under them; the topmost gives owner, mode and times.
 */
export class Merger {
  #first: Inode | undefined;
  readonly #parts: Part[] = [];
  #done = false;

  /** True when lower layers no longer matter. */
  get done(): boolean {
    return this.#done;
  }

  add(reader: ErofsReader, layer: number, nid: number): void {
    const inode = reader.inode(nid);
    if (isWhiteout(inode)) {
      this.#done = true;
      return;
    }
    if (inode.type !== "directory") {
      this.#done = true;
      if (this.#first) return;
    } else if (isOpaque(reader, nid)) this.#done = true;
    this.#first ??= inode;
    this.#parts.push({ layer, nid });
  }

  node(): Node | undefined {
    const inode = this.#first;
    if (!inode) return undefined;
    const top = this.#parts[0]!;
    return {
      type: inode.type,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      size: inode.size,
      mtime: inode.mtime,
      mtimeNsec: inode.mtimeNsec,
      nlink: inode.nlink,
      devmajor: inode.devmajor,
      devminor: inode.devminor,
      key: `${top.layer}:${top.nid}`,
      parts: this.#parts,
    };
  }
}

export function isOpaque(reader: ErofsReader, nid: number): boolean {
  const value = reader.xattrs(nid).get(opaqueName);
  return value?.length === 1 && value[0] === 0x79;
}

/** The merged node of a name in a merged directory. */
export function lookupName(readers: Readers, directory: Node, name: string): Node | undefined {
  const merger = new Merger();
  for (const { layer, nid } of directory.parts) {
    const reader = readers(layer);
    const found = reader.lookup(nid, name);
    if (found === undefined) continue;
    merger.add(reader, layer, found);
    if (merger.done) break;
  }
  return merger.node();
}

/** All names of a merged directory with their nodes, in byte order. */
export function listNames(readers: Readers, directory: Node): TreeEntry[] {
  const mergers = new Map<string, Merger>();
  for (const { layer, nid } of directory.parts) {
    const reader = readers(layer);
    for (const entry of reader.readdir(nid)) {
      let merger = mergers.get(entry.name);
      if (!merger) {
        merger = new Merger();
        mergers.set(entry.name, merger);
      }
      if (!merger.done) merger.add(reader, layer, entry.nid);
    }
  }
  const names = [...mergers.keys()];
  if (directory.parts.length > 1) sortByBytes(names);
  const entries: TreeEntry[] = [];
  for (const name of names) {
    const node = mergers.get(name)!.node();
    if (node) entries.push({ name, node });
  }
  return entries;
}
