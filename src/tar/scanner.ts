import { StrakeError } from "../errors/index.ts";
import { paddedSize } from "./block.ts";
import type { Entry } from "./entry.ts";
import type { TarLimits } from "./limits.ts";
import { HeaderParser } from "./parser.ts";

export interface TarScannerOptions {
  readonly onEntry: (entry: Entry) => void;
  readonly limits?: TarLimits;
}

/**
 * Finds the entries of an archive that flows by. Looks at headers only: content is stepped over, not copied, so
 * scanning costs next to nothing beside the hash or the write that the same bytes go through.
 *
 * Bytes behind the end-of-archive mark (two zero blocks) are ignored, whatever they are, as GNU tar and Go do.
 */
export class TarScanner {
  readonly #parser: HeaderParser;
  readonly #onEntry: (entry: Entry) => void;
  #skip = 0;
  #offset = 0;

  constructor(options: TarScannerOptions) {
    this.#parser = new HeaderParser(options.limits);
    this.#onEntry = options.onEntry;
  }

  /** Bytes taken so far. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes of the archive, in chunks of any size. Throws StrakeErrors TAR_*. */
  write(chunk: Uint8Array): void {
    const length = chunk.length;
    this.#offset += length;
    if (this.#skip >= length) {
      this.#skip -= length;
      return;
    }
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, length);
    let at = this.#skip;
    this.#skip = 0;
    while (at < length) {
      at = this.#parser.consume(bytes, at);
      const entry = this.#parser.take();
      if (!entry) continue;
      this.#onEntry(entry);
      at += paddedSize(entry.storedSize);
    }
    this.#skip = at - length;
  }

  /** No more bytes. Throws `TAR_TRUNCATED` when the archive stops inside a header or content. */
  end(): void {
    if (this.#skip > 0)
      throw new StrakeError(
        "TAR_TRUNCATED",
        `the archive ends ${this.#skip} bytes before the end of its last entry`,
      );
    this.#parser.end();
  }
}
