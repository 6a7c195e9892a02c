import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ByteBudget } from "./byte-budget.ts";
import { storageFault } from "./fault.ts";

/** S3's parts have at least 5 MiB, except the last. */
export const partSize = 8 << 20;

/** For parts that all uploads of this process collect in memory; more are collected in temporary files. */
const collecting = new ByteBudget(2 * partSize);
/**
 * For parts being sent: the HTTP client has a copy of each, and one from a file is read for it. Another budget than that of collecting, or those
 * who collect would wait for each other. Who sends alone never waits.
 */
const sending = new ByteBudget(2 * partSize);

/**
 * A part of an upload in the making. However many clients upload at once, and however slowly, the memory of all their parts
 * together is bounded, and none waits for another's bytes.
 */
export interface Part {
  /** Bytes so far. */
  readonly length: number;
  /** Takes as much of the chunk as there is room for; says how much that was. */
  write(chunk: Uint8Array): number;
  /** Does something with the bytes, which are only good meanwhile. */
  use<T>(work: (bytes: Uint8Array<ArrayBuffer>) => Promise<T>): Promise<T>;
  clear(): void;
  /** Gives the room back. Idempotent. */
  release(): void;
}

/** Buffers of parts that were released: to make new ones would leave it to the garbage collector how many there are. */
const buffers: Uint8Array<ArrayBuffer>[] = [];

export function openPart(): Part {
  if (!collecting.tryTake(partSize)) return new FilePart();
  return new MemoryPart(buffers.pop() ?? new Uint8Array(partSize));
}

class MemoryPart implements Part {
  length = 0;
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(buffer: Uint8Array<ArrayBuffer>) {
    this.#buffer = buffer;
  }

  write(chunk: Uint8Array): number {
    const piece = chunk.subarray(0, partSize - this.length);
    this.#buffer!.set(piece, this.length);
    this.length += piece.byteLength;
    return piece.byteLength;
  }

  use<T>(work: (bytes: Uint8Array<ArrayBuffer>) => Promise<T>): Promise<T> {
    return sending.with(this.length, () => work(this.#buffer!.subarray(0, this.length)));
  }

  clear(): void {
    this.length = 0;
  }

  release(): void {
    if (!this.#buffer) return;
    buffers.push(this.#buffer);
    this.#buffer = undefined;
    collecting.give(partSize);
  }
}

class FilePart implements Part {
  length = 0;
  #fd: number | undefined;

  constructor() {
    try {
      const folder = mkdtempSync(join(tmpdir(), "strake-registry-"));
      this.#fd = openSync(join(folder, "part"), "wx+", 0o600);
      rmSync(folder, { recursive: true });
    } catch (error) {
      throw storageFault(`no temporary file can be made in ${tmpdir()}`, error);
    }
  }

  write(chunk: Uint8Array): number {
    const size = Math.min(chunk.byteLength, partSize - this.length);
    try {
      for (let done = 0; done < size; )
        done += writeSync(this.#fd!, chunk, done, size - done, this.length + done);
    } catch (error) {
      throw storageFault(`a temporary file in ${tmpdir()} cannot be written`, error);
    }
    this.length += size;
    return size;
  }

  use<T>(work: (bytes: Uint8Array<ArrayBuffer>) => Promise<T>): Promise<T> {
    return sending.with(2 * this.length, async () => {
      const buffer = buffers.pop() ?? new Uint8Array(partSize);
      try {
        for (let done = 0; done < this.length; ) {
          const count = readSync(this.#fd!, buffer, done, this.length - done, done);
          if (count === 0) throw storageFault("a temporary file has lost its end");
          done += count;
        }
        return await work(buffer.subarray(0, this.length));
      } finally {
        buffers.push(buffer);
      }
    });
  }

  clear(): void {
    this.length = 0;
  }

  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
