import { column, Pace, type TableMemory } from "./table-memory.ts";

/** Ids that are sorted by insertion before runs are merged. */
const runLength = 16;

/** Sorts ids in place by a merge sort whose second half lies with the tables, and not in the heap as that of `sort()` does. */
export class IdSort {
  readonly #memory: TableMemory;
  readonly #pace: Pace;
  readonly #compare: (a: number, b: number) => number;
  #spare = new Uint32Array(1024);

  /** `compare` as of `sort()`. */
  constructor(memory: TableMemory, compare: (a: number, b: number) => number) {
    this.#memory = memory;
    this.#pace = new Pace(memory);
    this.#compare = compare;
  }

  /** Stable. */
  sort(ids: Uint32Array): void {
    const { length } = ids;
    if (this.#spare.length < length)
      this.#spare = column(this.#memory, Uint32Array, Math.max(length, this.#spare.length * 2));
    for (let at = 0; at < length; at += runLength) this.#insert(ids, at, Math.min(at + runLength, length));
    let from: Uint32Array = ids;
    let to: Uint32Array = this.#spare.subarray(0, length);
    for (let width = runLength; width < length; width *= 2) {
      for (let at = 0; at < length; at += 2 * width)
        this.#merge(from, to, at, Math.min(at + width, length), Math.min(at + 2 * width, length));
      [from, to] = [to, from];
    }
    if (from !== ids) ids.set(from);
  }

  #insert(ids: Uint32Array, start: number, end: number): void {
    for (let i = start + 1; i < end; i++) {
      const id = ids[i]!;
      let at = i;
      for (; at > start && this.#compare(ids[at - 1]!, id) > 0; at--) ids[at] = ids[at - 1]!;
      ids[at] = id;
      this.#pace.step();
    }
  }

  #merge(from: Uint32Array, to: Uint32Array, start: number, middle: number, end: number): void {
    let left = start;
    let right = middle;
    for (let at = start; at < end; at++) {
      const takesLeft = left < middle && (right === end || this.#compare(from[left]!, from[right]!) <= 0);
      to[at] = takesLeft ? from[left++]! : from[right++]!;
      this.#pace.step();
    }
  }
}
