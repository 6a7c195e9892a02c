/** Where the tables of a layer's index get their memory from. It may be larger than what the process can hold. */
export interface TableMemory {
  /** So many zero bytes, at an address that is a multiple of 8. */
  allocate(bytes: number): ArrayBuffer;
  /** Said between the steps of long passes: what was touched before need not stay at hand. */
  release(): void;
}

export const heapMemory: TableMemory = { allocate: (bytes) => new ArrayBuffer(bytes), release: () => {} };

/** Steps between two releases. A step touches some ten columns, mostly one behind the other. */
const stepsHeld = 512;
const stepsOfJump = 64;
/** Bytes copied between two releases. */
const stripSize = 1 << 20;

/** Counts the steps of passes over tables and gives back what they touched. */
export class Pace {
  readonly #memory: TableMemory;
  #steps = 0;

  constructor(memory: TableMemory) {
    this.#memory = memory;
  }

  step(): void {
    if (++this.#steps >= stepsHeld) this.#release();
  }

  /** A step to another directory: its rows may lie anywhere, and the kernel brings what is around each of them. */
  jump(): void {
    this.#steps += stepsOfJump;
    if (this.#steps >= stepsHeld) this.#release();
  }

  #release(): void {
    this.#steps = 0;
    this.#memory.release();
  }
}

export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

interface ColumnType<T extends Column> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): T;
}

/** A column of so many rows, all zero. */
export function column<T extends Column>(memory: TableMemory, Type: ColumnType<T>, length: number): T {
  return new Type(memory.allocate(length * Type.BYTES_PER_ELEMENT));
}

/** A longer column that begins as this one. */
export function longer<T extends Column>(memory: TableMemory, from: T, length: number): T {
  const to = column(memory, from.constructor as unknown as ColumnType<T>, length);
  const strip = stripSize / from.BYTES_PER_ELEMENT;
  for (let at = 0; at < from.length; at += strip) {
    if (at > 0) memory.release();
    to.set(from.subarray(at, at + strip), at);
  }
  return to;
}
