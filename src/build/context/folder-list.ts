import type { TableMemory } from "../../erofs/index.ts";
import { BytePieces } from "../../sys/index.ts";
import { decodePath, encodePath } from "../../tar/index.ts";

/** Names that are looked at together; of a larger folder never more are strings at once. */
const partLength = 2048;

/** Some names of one folder: their rows, four bytes each, then the names with slashes between them. */
export interface Part {
  readonly bytes: Buffer;
  readonly count: number;
  readonly first: string;
  /** The rows are one behind the other. */
  readonly isRun: boolean;
}

/** What one folder holds. */
export type Listing = readonly Part[];

/** What folders hold, as small as can be: a name's bytes and the number of its row, in memory that may lie in a file. */
export class FolderLists {
  readonly #pieces: BytePieces;
  /** The names looked into last: who asks for one mostly asks for its neighbours. */
  #part: Part | undefined;
  #names: readonly string[] = [];

  constructor(memory?: TableMemory) {
    this.#pieces = new BytePieces(memory);
  }

  /** The row of a name in a list whose names were added in the order of their UTF-16 code units; undefined when it is not there. */
  find(listing: Listing, name: string): number | undefined {
    const part = listing[countUpTo(name, listing.length, (i) => listing[i]!.first) - 1];
    if (!part) return undefined;
    if (part !== this.#part) {
      this.#names = namesOf(part);
      this.#part = part;
    }
    const at = countUpTo(name, part.count, (i) => this.#names[i]!) - 1;
    return this.#names[at] === name ? rowOf(part, at) : undefined;
  }

  /** A folder's list, to be filled in the order its names are to come in. */
  begin(): ListingWriter {
    return new ListingWriter(this.#pieces);
  }
}

export class ListingWriter {
  readonly #pieces: BytePieces;
  readonly #parts: Part[] = [];
  #names: string[] = [];
  #rows: number[] = [];

  constructor(pieces: BytePieces) {
    this.#pieces = pieces;
  }

  add(name: string, row: number): void {
    this.#names.push(name);
    this.#rows.push(row);
    if (this.#names.length === partLength) this.#flush();
  }

  end(): Listing {
    if (this.#names.length > 0) this.#flush();
    return this.#parts;
  }

  #flush(): void {
    const names = this.#names;
    const rows = this.#rows;
    const text = names.join("/");
    const encoded = text.isWellFormed() ? undefined : encodePath(text);
    const bytes = this.#pieces.take(rows.length * 4 + (encoded?.length ?? Buffer.byteLength(text)));
    let isRun = true;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row !== rows[0]! + i) isRun = false;
      bytes[i * 4] = row;
      bytes[i * 4 + 1] = row >>> 8;
      bytes[i * 4 + 2] = row >>> 16;
      bytes[i * 4 + 3] = row >>> 24;
    }
    if (encoded) bytes.set(encoded, rows.length * 4);
    else bytes.write(text, rows.length * 4);
    this.#parts.push({ bytes, count: rows.length, first: names[0]!, isRun });
    this.#names = [];
    this.#rows = [];
  }
}

/** How many of so many sorted names are not behind this one. */
function countUpTo(name: string, count: number, nameAt: (index: number) => string): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (nameAt(middle) <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The names of a part, as they were added. */
export function namesOf({ bytes, count }: Part): string[] {
  return decodePath(bytes.subarray(count * 4)).split("/");
}

/** The row of a part's name. */
export function rowOf({ bytes }: Part, index: number): number {
  const at = index * 4;
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
