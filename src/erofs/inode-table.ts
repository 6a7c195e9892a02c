import { decodePath, encodePath, type SparseExtent } from "../tar/index.ts";
import { ByteArena } from "./byte-arena.ts";
import { formatDirectory, formatMask, formatSymlink } from "./format.ts";
import { longer, type TableMemory } from "./table-memory.ts";

/** What an inode is made from; the entry types of a tar header fit. */
export interface InodeFields {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
}

/**
 * The inodes of a layer while it is being read, as columns: a layer of a million entries must not become a million
 * objects. An inode is its row number. Rows are never removed; one that no name leads to is not written.
 */
export class InodeTable {
  count = 0;
  /** Type and permission bits. */
  mode = new Uint16Array(1024);
  uid = new Uint32Array(1024);
  gid = new Uint32Array(1024);
  size = new Float64Array(1024);
  mtime = new Float64Array(1024);
  mtimeNsec = new Uint32Array(1024);
  /** Files: first block of the content in the tar. Devices: the encoded number. Symlinks: where the target's bytes are. */
  data = new Uint32Array(1024);
  /** Row of the attribute set, 0 for none. */
  xattrs = new Uint32Array(1024);
  /** Directories: the one that holds them (the root holds itself), how deep they are, whether lower layers are hidden. */
  parent = new Uint32Array(1024);
  depth = new Uint16Array(1024);
  opaque = new Uint8Array(1024);
  readonly #targets: ByteArena;
  /** Sparse files, with the name they came by for messages. */
  readonly sparse = new Map<number, { readonly path: string; readonly extents: readonly SparseExtent[] }>();

  readonly #memory: TableMemory;

  constructor(memory: TableMemory) {
    this.#memory = memory;
    this.#targets = new ByteArena(memory);
  }

  add(format: number, fields: InodeFields): number {
    if (this.count === this.mode.length) this.#grow();
    const inode = this.count++;
    this.mode[inode] = format;
    this.describe(inode, fields);
    return inode;
  }

  /** Sets owner, permissions and time; the type stays. */
  describe(inode: number, fields: InodeFields): void {
    this.mode[inode] = (this.mode[inode]! & formatMask) | fields.mode;
    this.uid[inode] = fields.uid;
    this.gid[inode] = fields.gid;
    this.mtime[inode] = fields.mtime;
    this.mtimeNsec[inode] = fields.mtimeNsec;
  }

  format(inode: number): number {
    return this.mode[inode]! & formatMask;
  }

  isDirectory(inode: number): boolean {
    return this.format(inode) === formatDirectory;
  }

  isSymlink(inode: number): boolean {
    return this.format(inode) === formatSymlink;
  }

  /** Keeps a symlink's target and sets the inode's size to its length. */
  setTarget(inode: number, target: string): void {
    const bytes = encodePath(target);
    this.data[inode] = this.#targets.append(bytes, bytes.length);
    this.size[inode] = bytes.length;
  }

  /** A symlink's target; the bytes are the table's. */
  targetBytes(inode: number): Uint8Array {
    const start = this.data[inode]!;
    return this.#targets.bytes.subarray(start, start + this.size[inode]!);
  }

  target(inode: number): string {
    return decodePath(this.targetBytes(inode));
  }

  #grow(): void {
    const memory = this.#memory;
    const length = this.count * 2;
    this.mode = longer(memory, this.mode, length);
    this.uid = longer(memory, this.uid, length);
    this.gid = longer(memory, this.gid, length);
    this.size = longer(memory, this.size, length);
    this.mtime = longer(memory, this.mtime, length);
    this.mtimeNsec = longer(memory, this.mtimeNsec, length);
    this.data = longer(memory, this.data, length);
    this.xattrs = longer(memory, this.xattrs, length);
    this.parent = longer(memory, this.parent, length);
    this.depth = longer(memory, this.depth, length);
    this.opaque = longer(memory, this.opaque, length);
  }
}
