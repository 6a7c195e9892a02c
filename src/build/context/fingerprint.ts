import { Buffer } from "node:buffer";
import { createDigester, type Digest } from "../../oci/index.ts";
import { encodePath } from "../../tar/index.ts";
import { type Part, rowOf } from "./folder-list.ts";
import type { ScanRows } from "./scan-rows.ts";

/**
 * A digest over names and lstat of files. Equal ones mean equal names, and contents nobody touched. Which of the files are directories is
 * part of it, so it is known where each folder's list belongs, if they come in the order of a walk.
 */
export class Fingerprint {
  readonly #digester = createDigester();
  readonly #rows: ScanRows;

  constructor(rows: ScanRows) {
    this.#rows = rows;
  }

  /** One file by the name it was asked for. */
  add(name: string, row: number): void {
    this.#begin(1, encodePath(name));
    this.#addRows(row, 1);
  }

  /** Some names of one folder. */
  addPart(part: Part): void {
    const { bytes, count, isRun } = part;
    this.#begin(count, bytes.subarray(count * 4));
    if (isRun) this.#addRows(rowOf(part, 0), count);
    else for (let i = 0; i < count; i++) this.#addRows(rowOf(part, i), 1);
  }

  /** What comes next is another folder. */
  leave(): void {
    this.#begin(0, new Uint8Array(0));
  }

  digest(): Digest {
    return this.#digester.digest();
  }

  /** The counts in front say where the names end, so that no other names and rows give the same bytes. */
  #begin(count: number, names: Uint8Array): void {
    this.#digester.update(Buffer.from(`${count} ${names.length}\0`));
    this.#digester.update(names);
  }

  #addRows(first: number, count: number): void {
    for (const bytes of this.#rows.rowBytes(first, count)) this.#digester.update(bytes);
  }
}
