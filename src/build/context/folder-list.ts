import type { TableMemory } from "../../erofs/index.ts";
import { BytePieces } from "../../sys/index.ts";
import { decodePath, encodePath } from "../../tar/index.ts";

/** Names that are looked at together; of a larger folder never more are strings at once. */
const partLength = 2048;

/** Some names of one folder: their rows, four bytes each, then the names with slashes between them. */
interface Part {
  readonly bytes: Buffer;
  readonly count: number;
}

export interface ListedName {
  readonly name: string;
  readonly row: number;
}

/** What one folder holds. */
export type Listing = readonly Part[];

/** What folders hold, as small as can be: a name's bytes and the number of its row, in memory that may lie in a file. */
export class FolderLists {
  readonly #pieces: BytePieces;

  constructor(memory?: TableMemory) {
    this.#pieces = new BytePieces(memory);
  }

  /** Keeps names and their rows in the order they come in. */
  add(entries: Iterable<ListedName>): Listing {
    const parts: Part[] = [];
    let names: string[] = [];
    let rows: number[] = [];
    for (const { name, row } of entries) {
      names.push(name);
      rows.push(row);
      if (names.length < partLength) continue;
      parts.push(this.#part(names, rows));
      names = [];
      rows = [];
    }
    if (names.length > 0) parts.push(this.#part(names, rows));
    return parts;
  }

  #part(names: readonly string[], rows: readonly number[]): Part {
    const text = names.join("/");
    const count = names.length;
    const encoded = text.isWellFormed() ? undefined : encodePath(text);
    const bytes = this.#pieces.take(count * 4 + (encoded?.length ?? Buffer.byteLength(text)));
    for (let i = 0; i < count; i++) bytes.writeUInt32LE(rows[i]!, i * 4);
    if (encoded) bytes.set(encoded, count * 4);
    else bytes.write(text, count * 4);
    return { bytes, count };
  }
}

/** Names and rows, as they were added. */
export function* listed(listing: Listing): Generator<ListedName, void, undefined> {
  for (const { bytes, count } of listing) {
    const names = decodePath(bytes.subarray(count * 4)).split("/");
    for (let i = 0; i < count; i++) yield { name: names[i]!, row: bytes.readUInt32LE(i * 4) };
  }
}
