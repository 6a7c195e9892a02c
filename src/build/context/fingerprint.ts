import { createDigester, type Digest } from "../../oci/index.ts";
import type { ScanRows } from "./scan-rows.ts";

/** Files gathered before they are hashed. */
const gather = 2048;
const facts = 5;

/** A digest over names and lstat of files in the order of a walk. Equal ones mean equal names, and contents nobody touched. */
export class Fingerprint {
  readonly #digester = createDigester();
  readonly #numbers = new Float64Array(gather * facts);
  #names: string[] = [];
  #count = 0;
  /** The latest time of anything but a directory, milliseconds since the epoch. */
  newest = 0;

  add(name: string, rows: ScanRows, row: number, isDirectory: boolean): void {
    const at = this.#count++ * facts;
    const mtimeMs = rows.mtimeMs(row);
    const ctimeMs = rows.ctimeMs(row);
    this.#numbers[at] = rows.mode(row);
    this.#numbers[at + 1] = rows.size(row);
    this.#numbers[at + 2] = mtimeMs;
    this.#numbers[at + 3] = ctimeMs;
    this.#numbers[at + 4] = rows.ino(row);
    if (!isDirectory) this.newest = Math.max(this.newest, mtimeMs, ctimeMs);
    this.#names.push(name);
    if (this.#count < gather) return;
    this.#flush();
    rows.memory.release();
  }

  /** What comes next is not in the directory begun last any more. */
  leave(): void {
    this.#names.push("/");
  }

  digest(): Digest {
    this.#flush();
    return this.#digester.digest();
  }

  #flush(): void {
    // The count in front says where the names end, so that no other names and numbers give the same bytes.
    const text = this.#names.join("\0");
    const isUtf8 = text.isWellFormed();
    this.#digester.update(Buffer.from(`${this.#count} ${text.length} ${isUtf8}\0`));
    this.#digester.update(Buffer.from(text, isUtf8 ? "utf8" : "utf16le"));
    this.#digester.update(new Uint8Array(this.#numbers.buffer, 0, this.#count * facts * 8));
    this.#names = [];
    this.#count = 0;
  }
}
