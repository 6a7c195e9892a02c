import { StrakeError } from "../errors/index.ts";
import { blockSize, gnuSparse } from "./block.ts";
import type { SparseExtent } from "./entry.ts";
import { parseDecimal, parseNumber } from "./number.ts";

/**
 * Checks a sparse map as a whole: extents in order, not overlapping, inside the file, and together exactly the bytes
 * that are stored. Empty extents (writers end a map with one) are dropped. Throws `TAR_INVALID`.
 */
export function checkSparseMap(
  map: readonly SparseExtent[],
  size: number,
  storedSize: number,
): SparseExtent[] {
  let end = 0;
  let stored = 0;
  const extents: SparseExtent[] = [];
  for (const extent of map) {
    if (extent.offset < end || extent.length < 0) throw invalid("the extents overlap or are out of order");
    end = extent.offset + extent.length;
    if (end > size) throw invalid("an extent ends behind the end of the file");
    stored += extent.length;
    if (extent.length > 0) extents.push(extent);
  }
  if (stored !== storedSize)
    throw invalid(`the map describes ${stored} bytes of data but ${storedSize} are stored`);
  return extents;
}

/** Extents of an old GNU header (typeflag `S`) or one of its extension blocks; says whether another block follows. */
export function readGnuExtents(
  block: Uint8Array,
  kind: "header" | "extension",
  map: SparseExtent[],
): boolean {
  const start = kind === "header" ? gnuSparse.headerMap : 0;
  const count = kind === "header" ? gnuSparse.headerCount : gnuSparse.blockCount;
  for (let i = 0; i < count; i++) {
    const at = start + i * 24;
    // An unused slot ends the list.
    if (block[at] === 0 && block[at + 12] === 0) break;
    map.push({
      offset: parseNumber(block, at, 12, "a sparse extent's offset"),
      length: parseNumber(block, at + 12, 12, "a sparse extent's length"),
    });
  }
  return block[kind === "header" ? gnuSparse.headerMore : gnuSparse.blockMore] !== 0;
}

/** The map of PAX sparse 0.1 (`GNU.sparse.map`): offset and length, comma separated, alternating. */
export function parseSparseList(text: string, limit: number): SparseExtent[] {
  const map: SparseExtent[] = [];
  if (text === "") return map;
  const numbers = text.split(",");
  if (numbers.length % 2 !== 0) throw invalid("the map has an offset without a length");
  if (numbers.length / 2 > limit) throw tooMany(limit);
  for (let i = 0; i < numbers.length; i += 2) {
    map.push({
      offset: parseDecimal(numbers[i]!, "a sparse extent's offset"),
      length: parseDecimal(numbers[i + 1]!, "a sparse extent's length"),
    });
  }
  return map;
}

/**
 * The map of PAX sparse 1.0, which stands in front of the content in blocks of its own: a count, then offset and
 * length of each extent, one decimal number a line, padded with NULs.
 */
export class SparseMapReader {
  readonly #limit: number;
  readonly #map: SparseExtent[] = [];
  #count = -1;
  #text = "";
  #offset = -1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes one block; the complete map, or undefined when it goes on in the next block. */
  push(block: Uint8Array): SparseExtent[] | undefined {
    this.#text += Buffer.from(block.buffer, block.byteOffset, blockSize).toString("latin1", 0, blockSize);
    let start = 0;
    for (;;) {
      if (this.#count >= 0 && this.#map.length === this.#count) return this.#map;
      const newline = this.#text.indexOf("\n", start);
      if (newline < 0) break;
      this.#number(parseDecimal(this.#text.slice(start, newline), "a number of a sparse map"));
      start = newline + 1;
    }
    this.#text = this.#text.slice(start);
    if (this.#text.length > 20) throw invalid("the map holds something that is not a number");
    return undefined;
  }

  #number(value: number): void {
    if (this.#count < 0) {
      if (value > this.#limit) throw tooMany(this.#limit);
      this.#count = value;
    } else if (this.#offset < 0) this.#offset = value;
    else {
      this.#map.push({ offset: this.#offset, length: value });
      this.#offset = -1;
    }
  }
}

export function tooMany(limit: number): StrakeError {
  return new StrakeError("TAR_LIMIT", `a sparse file has more than ${limit} extents`);
}

function invalid(problem: string): StrakeError {
  return new StrakeError("TAR_INVALID", `a sparse file's map is wrong: ${problem}`);
}
