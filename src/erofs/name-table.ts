import { encodePath } from "../tar/index.ts";
import { ByteArena } from "./byte-arena.ts";
import { nameMax } from "./format.ts";
import { IdSort } from "./id-sort.ts";
import { longer, Pace, type TableMemory } from "./table-memory.ts";

/** Ids of `.` and `..`, names every directory has. */
export const selfName = 0;
export const parentName = 1;

/**
 * The names in all directories of a layer: (directory, name) leads to an inode. Columns and one hash table, no objects:
 * a name costs about 45 bytes. A name's id is its row; rows are never removed, but what they lead to can change.
 */
export class NameTable {
  readonly #memory: TableMemory;
  readonly #pace: Pace;
  readonly #arena: ByteArena;
  #count = 0;
  #start = new Uint32Array(1024);
  #length = new Uint8Array(1024);
  #directory = new Uint32Array(1024);
  #inode = new Uint32Array(1024);
  /** The next name of the same directory, 0 for none (row 0 is `.`, which is nobody's next). */
  #next = new Uint32Array(1024);
  /** First and last name by directory inode, 0 for none. */
  #first = new Uint32Array(1024);
  #last = new Uint32Array(1024);
  /**
   * Open addressing: row + 1, 0 for a free place. A power of two long, at most half full. Looked at all over, so it and the
   * tags stay at hand.
   */
  #places = new Uint32Array(4096);
  /** Eight bits of the hash of what is in each place: without them every look would touch rows and names far apart. */
  #tags = new Uint8Array(4096);
  /** Unknown to who makes a layer, who could else choose names that all fall on one place. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32);
  readonly #scratch = new Uint8Array(4 * 1024);
  #scratchLength = 0;
  readonly #sort: IdSort;

  constructor(memory: TableMemory) {
    this.#memory = memory;
    this.#pace = new Pace(memory);
    this.#arena = new ByteArena(memory);
    this.#sort = new IdSort(memory, (a, b) => this.#compare(a, b));
    this.#append(Uint8Array.of(0x2e), 1);
    this.#append(Uint8Array.of(0x2e, 0x2e), 2);
  }

  get count(): number {
    return this.#count;
  }

  /** The name's inode, or -1 when the directory has no such name. */
  find(directory: number, name: string): number {
    if (!this.#encode(name)) return -1;
    const hash = this.#hash(directory, this.#scratch, 0, this.#scratchLength);
    const row = this.#places[this.#place(directory, hash)]!;
    return row === 0 ? -1 : this.#inode[row - 1]!;
  }

  /** Makes the name lead to an inode, whatever it led to before. The name must be at most 255 bytes. */
  set(directory: number, name: string, inode: number): void {
    if (!this.#encode(name)) throw new RangeError("name too long");
    const hash = this.#hash(directory, this.#scratch, 0, this.#scratchLength);
    const place = this.#place(directory, hash);
    const known = this.#places[place]!;
    if (known !== 0) {
      this.#inode[known - 1] = inode;
      return;
    }
    const row = this.#append(this.#scratch, this.#scratchLength);
    this.#directory[row] = directory;
    this.#inode[row] = inode;
    this.#places[place] = row + 1;
    this.#tags[place] = hash >>> 24;
    if (row > 0 && this.#directory[row - 1] === directory) this.#pace.step();
    else this.#pace.jump();
    this.#chain(directory, row);
    if (this.#count * 2 > this.#places.length) this.#rehash();
  }

  inodeOf(id: number): number {
    return this.#inode[id]!;
  }

  lengthOf(id: number): number {
    return this.#length[id]!;
  }

  /** Calls `visit` with the ids of a directory's names, in the order they were first set. */
  each(directory: number, visit: (id: number) => void): void {
    if (directory >= this.#first.length) return;
    for (let id = this.#first[directory]!; id !== 0; id = this.#next[id]!) visit(id);
  }

  /** Sorts ids by their names' bytes. Archives are mostly sorted already, which costs one pass. */
  sort(ids: Uint32Array): void {
    for (let i = 1; i < ids.length; i++) {
      if (this.#compare(ids[i - 1]!, ids[i]!) > 0) {
        this.#sort.sort(ids);
        return;
      }
      this.#pace.step();
    }
  }

  /** Writes a name's bytes. */
  write(id: number, target: Uint8Array, offset: number): void {
    const { bytes } = this.#arena;
    const start = this.#start[id]!;
    const length = this.#length[id]!;
    for (let i = 0; i < length; i++) target[offset + i] = bytes[start + i]!;
  }

  #compare(a: number, b: number): number {
    const { bytes } = this.#arena;
    const left = this.#start[a]!;
    const right = this.#start[b]!;
    const length = Math.min(this.#length[a]!, this.#length[b]!);
    for (let i = 0; i < length; i++) {
      const difference = bytes[left + i]! - bytes[right + i]!;
      if (difference !== 0) return difference;
    }
    return this.#length[a]! - this.#length[b]!;
  }

  /** The name's bytes into the scratch buffer; false when they are more than a name can have. */
  #encode(name: string): boolean {
    if (name.length > nameMax) return false;
    const scratch = this.#scratch;
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      if (unit > 0x7f) {
        const bytes = encodePath(name);
        scratch.set(bytes);
        this.#scratchLength = bytes.length;
        return bytes.length <= nameMax;
      }
      scratch[i] = unit;
    }
    this.#scratchLength = name.length;
    return true;
  }

  /** Place of the scratch buffer's name: where it is, or where it would go. */
  #place(directory: number, hash: number): number {
    const mask = this.#places.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const row = this.#places[place]!;
      if (row === 0 || (this.#tags[place] === hash >>> 24 && this.#is(row - 1, directory))) return place;
    }
  }

  #is(row: number, directory: number): boolean {
    const length = this.#scratchLength;
    if (this.#directory[row] !== directory || this.#length[row] !== length) return false;
    const start = this.#start[row]!;
    const { bytes } = this.#arena;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== this.#scratch[i]) return false;
    return true;
  }

  #hash(directory: number, bytes: Uint8Array, start: number, length: number): number {
    let hash = this.#seed ^ Math.imul(directory + 1, 0x9e3779b1);
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[start + i]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #append(bytes: Uint8Array, length: number): number {
    if (this.#count === this.#start.length) this.#grow();
    const row = this.#count++;
    this.#start[row] = this.#arena.append(bytes, length);
    this.#length[row] = length;
    return row;
  }

  #chain(directory: number, row: number): void {
    if (directory >= this.#first.length) {
      const length = Math.max(directory + 1, this.#first.length * 2);
      this.#first = longer(this.#memory, this.#first, length);
      this.#last = longer(this.#memory, this.#last, length);
    }
    const last = this.#last[directory]!;
    if (last === 0) this.#first[directory] = row;
    else this.#next[last] = row;
    this.#last[directory] = row;
  }

  #rehash(): void {
    const places = new Uint32Array(this.#places.length * 2);
    const tags = new Uint8Array(places.length);
    const mask = places.length - 1;
    for (let row = parentName + 1; row < this.#count; row++) {
      const hash = this.#hash(
        this.#directory[row]!,
        this.#arena.bytes,
        this.#start[row]!,
        this.#length[row]!,
      );
      let place = hash & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = row + 1;
      tags[place] = hash >>> 24;
      this.#pace.step();
    }
    this.#places = places;
    this.#tags = tags;
  }

  #grow(): void {
    const memory = this.#memory;
    const length = this.#count * 2;
    this.#start = longer(memory, this.#start, length);
    this.#length = longer(memory, this.#length, length);
    this.#directory = longer(memory, this.#directory, length);
    this.#inode = longer(memory, this.#inode, length);
    this.#next = longer(memory, this.#next, length);
  }
}
