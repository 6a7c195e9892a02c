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

/** What one folder holds. */
export type Listing = readonly Part[];

/** What folders hold, as small as can be: a name's bytes and the number of its row, in memory that may lie in a file. */
export class FolderLists {
  readonly #pieces: BytePieces;

  constructor(memory?: TableMemory) {
    this.#pieces = new BytePieces(memory);
  }

  /** Keeps the names in their order, `rows[i]` with `names[i]`. */
  add(names: readonly string[], rows: readonly number[]): Listing {
    const parts: Part[] = [];
    for (let start = 0; start < names.length; start += partLength) {
      const end = Math.min(start + partLength, names.length);
      const whole = start === 0 && end === names.length;
      parts.push(this.#addPart(whole ? names : names.slice(start, end), rows, start));
    }
    return parts;
  }

  #addPart(names: readonly string[], rows: readonly number[], start: number): Part {
    const text = names.join("/");
    const count = names.length;
    const encoded = text.isWellFormed() ? undefined : encodePath(text);
    const bytes = this.#pieces.take(count * 4 + (encoded?.length ?? Buffer.byteLength(text)));
    for (let i = 0; i < count; i++) bytes.writeUInt32LE(rows[start + i]!, i * 4);
    if (encoded) bytes.set(encoded, count * 4);
    else bytes.write(text, count * 4);
    return { bytes, count };
  }
}

/** Names and rows, as they were added. */
export function* listed(listing: Listing): Generator<{ readonly name: string; readonly row: number }> {
  for (const { bytes, count } of listing) {
    const names = decodePath(bytes.subarray(count * 4)).split("/");
    for (let i = 0; i < count; i++) yield { name: names[i]!, row: bytes.readUInt32LE(i * 4) };
  }
}
