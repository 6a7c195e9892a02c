import { createHash, type Hash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageFault } from "./fault.ts";
import type { S3Content } from "./s3-client.ts";

/** S3's parts have at least 5 MiB, except the last. */
export const partSize = 8 << 20;

/** Bytes that are read to be sent. Bun would do so too, but from where the last reading of the same descriptor ended. */
const few = 256 << 10;
/** Files that are kept for the next part: a page of a file is dear the first time it is written. */
const kept = 8;
const files: number[] = [];

/**
 * A part of an upload in the making, in a nameless temporary file: it can be sent again, and however many clients upload at once,
 * and however slowly, none of it is in this process's memory. Hashed as it comes, for the signature of the request that sends it.
 */
export class Part implements S3Content {
  /** Bytes so far. */
  length = 0;
  #fd: number | undefined;
  #hash: Hash = createHash("sha256");

  constructor() {
    this.#fd = files.pop() ?? openNameless();
  }

  get isFull(): boolean {
    return this.length === partSize;
  }

  get sha256(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Takes as much of the chunk as there is room for; says how much that was. */
  write(chunk: Uint8Array): number {
    const size = Math.min(chunk.byteLength, partSize - this.length);
    try {
      for (let done = 0; done < size; )
        done += writeSync(this.#fd!, chunk, done, size - done, this.length + done);
    } catch (error) {
      throw storageFault(`a temporary file in ${tmpdir()} cannot be written`, error);
    }
    this.#hash.update(chunk.subarray(0, size));
    this.length += size;
    return size;
  }

  get blob(): Blob {
    if (this.length >= few) return Bun.file(this.#fd!).slice(0, this.length);
    const bytes = new Uint8Array(this.length);
    for (let done = 0; done < this.length; ) {
      const count = readSync(this.#fd!, bytes, done, this.length - done, done);
      if (count === 0) throw storageFault("a temporary file has lost its end");
      done += count;
    }
    return new Blob([bytes]);
  }

  /** Makes it an empty one. */
  clear(): void {
    this.length = 0;
    this.#hash = createHash("sha256");
  }

  /** Gives the file back. Idempotent. */
  release(): void {
    if (this.#fd === undefined) return;
    if (files.length < kept) files.push(this.#fd);
    else closeSync(this.#fd);
    this.#fd = undefined;
    this.length = 0;
  }
}

/** It ends with the process, however that ends. */
function openNameless(): number {
  try {
    const folder = mkdtempSync(join(tmpdir(), "strake-registry-"));
    const fd = openSync(join(folder, "part"), "wx+", 0o600);
    rmSync(folder, { recursive: true });
    return fd;
  } catch (error) {
    throw storageFault(`no temporary file can be made in ${tmpdir()}`, error);
  }
}
