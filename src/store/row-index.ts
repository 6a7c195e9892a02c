import { heapMemory, type TableMemory } from "../erofs/index.ts";

/** Rows between two releases of what a pass over them touched. */
const rowsHeld = 8192;

/**
 * Finds rows by a number of theirs (a non-negative safe integer) in 10 to 20 bytes a row, where a Map takes 60. Rows are looked at only
 * where eight more bits of the number agree: they may lie far apart, and not all at hand.
 */
export class RowIndex {
  readonly #numberOf: (row: number) => number;
  readonly #memory: TableMemory;
  /** Rows plus one; 0 is a free slot. A row is in the first free slot from its number's own on. */
  #slots = new Int32Array(1024);
  #tags = new Uint8Array(1024);
  #count = 0;

  /** `memory`: where the rows are. */
  constructor(numberOf: (row: number) => number, memory: TableMemory = heapMemory) {
    this.#numberOf = numberOf;
    this.#memory = memory;
  }

  /** Some row with this number, or -1. */
  find(number: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const tag = tagOf(number);
    for (let at = (number % 2 ** 32) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const row = slots[at]! - 1;
      if (this.#tags[at] === tag && this.#numberOf(row) === number) return row;
    }
    return -1;
  }

  /** Takes in the next row: 0 at first. */
  add(): void {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    this.#insert(this.#count++);
  }

  #insert(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const number = this.#numberOf(row);
    let at = (number % 2 ** 32) & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = row + 1;
    this.#tags[at] = tagOf(number);
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#tags = new Uint8Array(this.#slots.length);
    for (let row = 0; row < this.#count; row++) {
      if (row % rowsHeld === 0) this.#memory.release();
      this.#insert(row);
    }
  }
}

/** Bits that do not decide about the slot. */
function tagOf(number: number): number {
  return Math.floor(number / 2 ** 32) & 0xff;
}
