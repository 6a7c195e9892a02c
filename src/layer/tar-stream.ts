import { openSync } from "node:fs";
import { createDigester, type Digest } from "../oci/index.ts";
import { fromNodeError, readFrom, StreamFile } from "../sys/index.ts";

/** The tar of a layer that comes from elsewhere: hashed and stored as it flows by. The file exists. */
export class TarStream {
  readonly #fd: number;
  readonly #file: StreamFile;
  readonly #digester = createDigester();
  #length = 0;
  #closed: Promise<void> | undefined;

  /** `size`: bytes that are in the file already, which have to be had from `readBack` before anything is appended. */
  constructor(path: string, size: number) {
    try {
      this.#fd = openSync(path, "r+");
      this.#file = new StreamFile(this.#fd, path, { position: size });
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Hashes what is in the file already, and gives it to whoever has to see it too. */
  async *readBack(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of readFrom(this.#fd, 0, this.#file.written)) {
      this.#digester.update(bytes);
      this.#length += bytes.byteLength;
      yield bytes;
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#digester.update(bytes);
    this.#length += bytes.byteLength;
    await this.#file.append(bytes);
  }

  /** Hands everything to the kernel. */
  flush(): Promise<void> {
    return this.#file.flush();
  }

  /** Hands everything to the kernel and gives the digest of it. */
  async finish(): Promise<Digest> {
    await this.flush();
    return this.#digester.digest();
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#file.close();
    return this.#closed;
  }
}
