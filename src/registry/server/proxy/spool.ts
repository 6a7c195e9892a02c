import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageFault } from "../storage/fault.ts";
import { fileReader } from "../storage/files-upload.ts";
import type { UploadReader } from "../storage/object-store.ts";

/**
 * A nameless file that can be read while it is written, for storage that shows nothing of an object before it is whole (S3).
 * It ends with the process, however that ends.
 */
export class Spool implements UploadReader {
  readonly #fd: number;
  readonly #reader: UploadReader;
  #length = 0;

  constructor() {
    try {
      const folder = mkdtempSync(join(tmpdir(), "strake-registry-"));
      this.#fd = openSync(join(folder, "blob"), "wx+", 0o600);
      rmSync(folder, { recursive: true });
    } catch (error) {
      throw storageFault(`no temporary file can be made in ${tmpdir()}`, error);
    }
    this.#reader = fileReader(this.#fd);
  }

  write(chunk: Uint8Array): void {
    try {
      for (let done = 0; done < chunk.byteLength; )
        done += writeSync(this.#fd, chunk, done, chunk.byteLength - done, this.#length + done);
    } catch (error) {
      throw storageFault(`a temporary file in ${tmpdir()} cannot be written`, error);
    }
    this.#length += chunk.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#reader.read(offset, length);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
