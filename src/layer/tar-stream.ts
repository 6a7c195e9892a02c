import { openSync } from "node:fs";
import { createDigester, type Digest } from "../oci/index.ts";
import { fromNodeError, StreamFile } from "../sys/index.ts";

/** The tar of a layer that comes from elsewhere: hashed and stored as it flows by. The file exists and is empty. */
export class TarStream {
  readonly #file: StreamFile;
  readonly #digester = createDigester();
  #length = 0;
  #closed: Promise<void> | undefined;

  constructor(path: string) {
    try {
      this.#file = new StreamFile(openSync(path, "r+"), path);
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#digester.update(bytes);
    this.#length += bytes.byteLength;
    await this.#file.append(bytes);
  }

  /** Hands everything to the kernel and gives the digest of it. */
  async finish(): Promise<Digest> {
    await this.#file.flush();
    return this.#digester.digest();
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#file.close();
    return this.#closed;
  }
}
