import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { readPiece, StreamFile } from "../../../sys/index.ts";
import { bodyCollections } from "./body-collections.ts";
import { missing } from "./durable.ts";
import { storageFault, uploadGone } from "./fault.ts";
import type { AppendOptions, Upload, UploadReader } from "./object-store.ts";

/** A growing file. What was written is what is kept: a resumed upload continues at the file's length. */
export class FileUpload implements Upload {
  readonly id: string;
  readonly label: string;
  length: number;
  /** One process has the folder, and lets one request at a time work on an upload. */
  readonly version = "";
  readonly #folder: string;
  /** Whoever asked for a reader reads what the next `append` brings at once. */
  #watched = false;
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
      if (missing(error)) throw uploadGone(this.id);
      throw storageFault(`the upload ${this.id} cannot be written`, error);
    }
    const file = new StreamFile(fd, this.#dataPath, {
      position: this.length,
      eager: this.#watched,
      blocking: true,
    });
    const keep = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        throw storageFault("an upload cannot be written to the disk", error);
      }
    };
    try {
      for await (const chunk of source) {
        await keep(() => file.append(chunk));
        this.length = file.written;
        onChunk?.(chunk);
        bodyCollections.passed(chunk.byteLength);
      }
      await keep(() => file.flush());
    } catch (error) {
      // What came before the source broke is kept for the client to continue.
      await file.flush().catch(() => {});
      throw error;
    } finally {
      await file.close();
      this.length = file.written;
    }
  }

  async *stream(): AsyncIterable<Uint8Array> {
    try {
      yield* Bun.file(this.#dataPath).stream();
    } catch (error) {
      throw storageFault(`the upload ${this.id} cannot be read`, error);
    }
  }

  reader(): UploadReader {
    this.#watched = true;
    try {
      return fileReader(openSync(this.#dataPath, "r"));
    } catch (error) {
      throw storageFault(`the upload ${this.id} is gone`, error);
    }
  }

  async commit(key: string): Promise<void> {
    const now = new Date();
    try {
      await using file = await open(this.#dataPath, "r+");
      await file.datasync();
      // A collector's grace period counts from here, not from the last chunk.
      utimesSync(this.#dataPath, now, now);
    } catch (error) {
      if (missing(error)) throw uploadGone(this.id);
      throw storageFault(`the upload ${this.id} cannot be written to the disk`, error);
    }
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
}

/** Reads an open file, also after its name is gone. Closes it in the end. */
export function fileReader(fd: number): UploadReader {
  return {
    async read(offset, length) {
      try {
        return await readPiece(fd, length, offset);
      } catch (error) {
        throw storageFault("an upload cannot be read", error);
      }
    },
    close: () => closeSync(fd),
  };
}
