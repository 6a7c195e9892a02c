import {
  closeSync,
  fdatasync,
  fstatSync,
  openSync,
  read,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { missing } from "./durable.ts";
import { storageFault } from "./fault.ts";
import type { AppendOptions, Upload, UploadReader } from "./object-store.ts";

/** Bytes after which the disk is told to begin writing, so that the flush at the end finds little left to do. */
const writeBehind = 16 << 20;

/** A growing file. What was written is what is kept: a resumed upload continues at the file's length. */
export class FileUpload implements Upload {
  readonly id: string;
  readonly label: string;
  length: number;
  /** One process has the folder, and lets one request at a time work on an upload. */
  readonly version = "";
  readonly #folder: string;
  readonly #commit: (data: string, key: string) => Promise<void>;

  private constructor(
    folder: string,
    state: { id: string; label: string; length: number },
    commit: (data: string, key: string) => Promise<void>,
  ) {
    this.id = state.id;
    this.label = state.label;
    this.length = state.length;
    this.#folder = folder;
    this.#commit = commit;
  }

  static create(
    folder: string,
    label: string,
    commit: (data: string, key: string) => Promise<void>,
  ): FileUpload {
    const upload = new FileUpload(folder, { id: crypto.randomUUID(), label, length: 0 }, commit);
    try {
      writeFileSync(upload.#labelPath, label, { flag: "wx", mode: 0o600 });
      writeFileSync(upload.#dataPath, "", { flag: "wx", mode: 0o600 });
    } catch (error) {
      for (const path of [upload.#labelPath, upload.#dataPath]) rmSync(path, { force: true });
      throw storageFault("an upload cannot be begun", error);
    }
    return upload;
  }

  static open(
    folder: string,
    id: string,
    commit: (data: string, key: string) => Promise<void>,
  ): FileUpload | undefined {
    const upload = (label: string, length: number) => new FileUpload(folder, { id, label, length }, commit);
    try {
      const label = readFileSync(join(folder, `${id}.label`), "utf8");
      const fd = openSync(join(folder, `${id}.data`), "r");
      try {
        return upload(label, fstatSync(fd).size);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (missing(error)) return undefined;
      throw storageFault(`the upload ${id} cannot be read`, error);
    }
  }

  get #dataPath(): string {
    return join(this.#folder, `${this.id}.data`);
  }

  get #labelPath(): string {
    return join(this.#folder, `${this.id}.label`);
  }

  async append(source: AsyncIterable<Uint8Array>, { onChunk }: AppendOptions = {}): Promise<void> {
    let fd: number;
    try {
      fd = openSync(this.#dataPath, "r+");
    } catch (error) {
      throw storageFault(`the upload ${this.id} is gone`, error);
    }
    let started = this.length;
    let flushing: Promise<void> | undefined;
    let fault: Error | undefined;
    try {
      for await (const chunk of source) {
        // Written at once and without waiting: nothing piles up behind a slow disk, and the socket is not read meanwhile.
        this.#write(fd, chunk);
        onChunk?.(chunk);
        this.length += chunk.byteLength;
        if (flushing || this.length - started < writeBehind) continue;
        started = this.length;
        flushing = new Promise((resolve) =>
          fdatasync(fd, (error) => {
            // The kernel reports a failed write to one flush only: the one at the end would not hear of it.
            fault ??= error ?? undefined;
            flushing = undefined;
            resolve();
          }),
        );
      }
    } finally {
      await flushing;
      closeSync(fd);
    }
    if (fault) throw storageFault("an upload cannot be written to the disk", fault);
  }

  async *stream(): AsyncIterable<Uint8Array> {
    for await (const chunk of Bun.file(this.#dataPath).stream()) yield chunk;
  }

  reader(): UploadReader {
    try {
      return fileReader(openSync(this.#dataPath, "r"));
    } catch (error) {
      throw storageFault(`the upload ${this.id} is gone`, error);
    }
  }

  async commit(key: string): Promise<void> {
    const now = new Date();
    const file = await open(this.#dataPath, "r+");
    try {
      await file.datasync();
    } catch (error) {
      throw storageFault(`the upload ${this.id} cannot be written to the disk`, error);
    } finally {
      await file.close();
    }
    // A collector's grace period counts from here, not from the last chunk.
    utimesSync(this.#dataPath, now, now);
    await this.#commit(this.#dataPath, key);
    await this.abort();
  }

  async abort(): Promise<void> {
    for (const path of [this.#dataPath, this.#labelPath]) {
      try {
        unlinkSync(path);
      } catch (error) {
        if (!missing(error)) throw storageFault(`the upload ${this.id} cannot be dropped`, error);
      }
    }
  }

  #write(fd: number, chunk: Uint8Array): void {
    try {
      for (let done = 0; done < chunk.byteLength; )
        done += writeSync(fd, chunk, done, chunk.byteLength - done, this.length + done);
    } catch (error) {
      throw storageFault("an upload cannot be written", error);
    }
  }
}

/** Reads an open file, also after its name is gone. Closes it in the end. */
export function fileReader(fd: number): UploadReader {
  return {
    read: (offset, length) =>
      new Promise((resolve, reject) => {
        const buffer = Buffer.allocUnsafeSlow(length);
        read(fd, buffer, 0, length, offset, (error, count) => {
          if (error) reject(storageFault("an upload cannot be read", error));
          else resolve(buffer.subarray(0, count));
        });
      }),
    close: () => closeSync(fd),
  };
}
