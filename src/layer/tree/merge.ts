import {
  compareByBytes,
  type DirectoryEntry,
  type ErofsReader,
  type Inode,
  isWhiteout,
  opaqueName,
} from "../../erofs/index.ts";
import { StrakeError } from "../../errors/index.ts";
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

/**
 * All names of a merged directory with their nodes, in byte order, which is the order of every index: none but the next name of each
 * layer is at hand. Errors: `EROFS_INVALID` for an index in another order.
 */
export function* listNames(readers: Readers, directory: Node): Generator<TreeEntry, void, undefined> {
  const lists = directory.parts.map(({ layer, nid }) => new NameList(readers(layer), layer, nid));
  for (;;) {
    let name: string | undefined;
    for (const list of lists)
      if (list.name !== undefined && (name === undefined || compareByBytes(list.name, name) < 0))
        name = list.name;
    if (name === undefined) return;
    const merger = new Merger();
    for (const list of lists) {
      if (list.name !== name) continue;
      if (!merger.done) merger.add(list.reader, list.layer, list.nid);
      list.next();
    }
    const node = merger.node();
    if (node) yield { name, node };
  }
}

/** The names of one layer's directory, one at a time. */
class NameList {
  readonly reader: ErofsReader;
  readonly layer: number;
  readonly #names: Iterator<DirectoryEntry>;
  /** Undefined at the end. */
  name: string | undefined;
  nid = 0;

  constructor(reader: ErofsReader, layer: number, directory: number) {
    this.reader = reader;
    this.layer = layer;
    this.#names = reader.readdir(directory);
    this.next();
  }

  next(): void {
    const { done, value } = this.#names.next();
    if (!done && this.name !== undefined && compareByBytes(this.name, value.name) >= 0)
      throw new StrakeError(
        "EROFS_INVALID",
        "the layer index is damaged: the names of a directory are in no order",
        {
          hint: "run `strake gc --verify`; the index can be made again from the layer's tar",
        },
      );
    this.name = done ? undefined : value.name;
    if (!done) this.nid = value.nid;
  }
}
