import { formatChar } from "./format.ts";
import type { InodeTable } from "./inode-table.ts";
import { type NameTable, parentName, selfName } from "./name-table.ts";
import { column, Pace, type TableMemory } from "./table-memory.ts";
import type { XattrTable } from "./xattr-table.ts";

/** What a layer's entries came to. */
export interface Tables {
  readonly inodes: InodeTable;
  readonly names: NameTable;
  readonly xattrs: XattrTable;
  readonly memory: TableMemory;
}

/** Row of the root directory. */
export const root = 0;

/** Different times counted to find the most frequent one; where there are more, none is worth much. */
const epochCandidates = 4096;

/** The inodes that names lead to from the root, with how many names each has, in the order an image stores them. */
export class InodeOrder {
  readonly #inodes: InodeTable;
  readonly #names: NameTable;
  readonly #xattrs: XattrTable;
  readonly #pace: Pace;
  readonly #order: Uint32Array;
  #count = 0;
  readonly nlink: Uint32Array;
  /** Ids of each directory's names, sorted, one directory behind the other; where a directory's begin and end. */
  readonly #sorted: Uint32Array;
  #sortedCount = 0;
  readonly #sortedStart: Uint32Array;
  readonly #sortedEnd: Uint32Array;
  /** The most frequent time. Compact inodes have no time of their own but the image's: this makes most of them fit. */
  epoch = 0;
  epochNsec = 0;

  constructor({ inodes, names, xattrs, memory }: Tables) {
    const rows = inodes.count;
    this.#inodes = inodes;
    this.#names = names;
    this.#xattrs = xattrs;
    this.#pace = new Pace(memory);
    this.#order = column(memory, Uint32Array, rows);
    this.nlink = column(memory, Uint32Array, rows);
    let directories = 0;
    for (let inode = 0; inode < rows; inode++) if (inodes.isDirectory(inode)) directories++;
    this.#sorted = column(memory, Uint32Array, names.count + 2 * directories);
    this.#sortedStart = column(memory, Uint32Array, rows);
    this.#sortedEnd = column(memory, Uint32Array, rows);
    this.#collect();
    this.#chooseEpoch();
  }

  /** Inodes, root first; a directory's children lie together, sorted by name. */
  get inodes(): Uint32Array {
    return this.#order.subarray(0, this.#count);
  }

  get count(): number {
    return this.#count;
  }

  #collect(): void {
    const inodes = this.#inodes;
    const names = this.#names;
    const { nlink } = this;
    this.#take(root);
    nlink[root] = 2;
    // The order is the queue, not recursion: a hostile layer nests as deep as it may.
    for (let next = 0; next < this.#count; next++) {
      const directory = this.#order[next]!;
      if (!inodes.isDirectory(directory)) continue;
      this.#pace.jump();
      const ids = this.#sortNames(directory);
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i]!;
        if (id <= parentName) continue;
        this.#pace.step();
        const child = names.inodeOf(id);
        if (nlink[child] === 0) this.#take(child);
        if (inodes.isDirectory(child)) {
          nlink[child] = 2;
          nlink[directory]!++;
        } else nlink[child]!++;
      }
    }
  }

  #sortNames(directory: number): Uint32Array {
    const names = this.#names;
    const sorted = this.#sorted;
    // Nothing of lower layers shows in an opaque directory, so whiteouts in it hide nothing; the kernel would list them,
    // since it looks for whiteouts only where it merges.
    const hidesLower = this.#inodes.opaque[directory] === 1;
    const start = this.#sortedCount;
    let end = start;
    sorted[end++] = selfName;
    sorted[end++] = parentName;
    names.each(directory, (id) => {
      if (!hidesLower || !this.#isWhiteout(names.inodeOf(id))) sorted[end++] = id;
      this.#pace.step();
    });
    this.#sortedCount = end;
    this.#sortedStart[directory] = start;
    this.#sortedEnd[directory] = end;
    const ids = sorted.subarray(start, end);
    names.sort(ids);
    return ids;
  }

  /** Ids of a directory's names with `.` and `..`, sorted by bytes. */
  sortedNames(directory: number): Uint32Array {
    return this.#sorted.subarray(this.#sortedStart[directory], this.#sortedEnd[directory]);
  }

  #isWhiteout(inode: number): boolean {
    return this.#inodes.format(inode) === formatChar && this.#inodes.data[inode] === 0;
  }

  #take(inode: number): void {
    const inodes = this.#inodes;
    this.#order[this.#count++] = inode;
    if (inodes.opaque[inode] === 1) inodes.xattrs[inode] = this.#xattrs.withOpaque(inodes.xattrs[inode]!);
    this.#xattrs.use(inodes.xattrs[inode]!);
  }

  #chooseEpoch(): void {
    const inodes = this.#inodes;
    const counts = new Map<number, number>();
    let best = 0;
    const all = this.inodes;
    for (let i = 0; i < all.length; i++) {
      const inode = all[i]!;
      this.#pace.step();
      const key = inodes.mtime[inode]! + inodes.mtimeNsec[inode]! / 1e9;
      const known = counts.get(key);
      if (known === undefined && counts.size >= epochCandidates) continue;
      const count = (known ?? 0) + 1;
      counts.set(key, count);
      if (count <= best) continue;
      best = count;
      this.epoch = inodes.mtime[inode]!;
      this.epochNsec = inodes.mtimeNsec[inode]!;
    }
  }
}
