import { StrakeError } from "../errors/index.ts";
import { longer, type TableMemory } from "./table-memory.ts";

/** Bytes of many short strings in one growing array; offsets stay valid. */
export class ByteArena {
  bytes = new Uint8Array(64 * 1024);
  end = 0;
  readonly #memory: TableMemory;

  constructor(memory: TableMemory) {
    this.#memory = memory;
  }

  /** Appends bytes and returns where they start. */
  append(source: Uint8Array, length: number): number {
    const start = this.end;
    if (start + length > this.bytes.length) this.#grow(start + length);
    const { bytes } = this;
    // A loop: names are too short for the cost of a bulk copy.
    for (let i = 0; i < length; i++) bytes[start + i] = source[i]!;
    this.end = start + length;
    return start;
  }

  #grow(needed: number): void {
    if (needed > 2 ** 31) throw new StrakeError("EROFS_LIMIT", "the names in the layer take more than 2 GiB");
    this.bytes = longer(this.#memory, this.bytes, Math.max(needed, this.bytes.length * 2));
  }
}
