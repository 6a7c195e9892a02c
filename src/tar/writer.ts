import { StrakeError } from "../errors/index.ts";
import { endOfArchive, paddingOf } from "./block.ts";
import { encodeHeader } from "./encoder.ts";
import type { EntryHeader } from "./entry.ts";
import { quote } from "./path.ts";

/** Takes the archive's bytes in order. A chunk is the sink's to keep. A promise is waited for: back-pressure. */
export type TarSink = (chunk: Uint8Array) => void | Promise<void>;

export type TarBody = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const padding = new Uint8Array(512);

export interface TarWriterOptions {
  /** Leave out nanoseconds: headers then fit ustar, and tools without PAX times read the same. Default false. */
  readonly wholeSeconds?: boolean;
}

/** Writes an archive entry by entry. Identical calls give identical bytes. */
export class TarWriter {
  readonly #sink: TarSink;
  readonly #wholeSeconds: boolean;
  #finished = false;

  constructor(sink: TarSink, options: TarWriterOptions = {}) {
    this.#sink = sink;
    this.#wholeSeconds = options.wholeSeconds ?? false;
  }

  /**
   * Writes one entry. `body` must give exactly `header.size` bytes, else `TAR_INVALID`, and the archive is then no
   * archive any more.
   */
  async add(header: EntryHeader, body?: TarBody): Promise<void> {
    if (this.#finished)
      throw new StrakeError("INTERNAL", "a tar entry was added behind the end of the archive");
    await this.#sink(encodeHeader(this.#wholeSeconds ? { ...header, mtimeNsec: 0 } : header));
    let written = 0;
    for await (const chunk of body instanceof Uint8Array ? [body] : (body ?? [])) {
      written += chunk.length;
      if (written > header.size) break;
      if (chunk.length > 0) await this.#sink(chunk);
    }
    if (written !== header.size)
      throw new StrakeError(
        "TAR_INVALID",
        `the content of ${quote(header.path)} has ${written > header.size ? "more" : "less"} than the ${header.size} bytes its header says`,
      );
    const rest = paddingOf(header.size);
    if (rest > 0) await this.#sink(padding.subarray(0, rest));
  }

  /** Writes the end-of-archive mark. */
  async finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#sink(endOfArchive);
  }
}
