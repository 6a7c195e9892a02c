import { StrakeError } from "../../errors/index.ts";

/** zstd's own default for what a decoder accepts (ZSTD_WINDOWLOG_LIMIT_DEFAULT): 128 MiB. */
const maxWindow = 2 ** 27;

type Expect = "magic" | "skip-size" | "descriptor" | "header" | "block" | "content" | "checksum";

/**
 * Follows the frames of a zstd stream (RFC 8878, 3.1) without decoding them. Node's and Bun's decoder ends quietly when
 * the stream is cut off or continues with something that is no frame; this says so. It also refuses windows that
 * would take more memory than zstd allows by default.
 */
export class ZstdFrames {
  #expect: Expect = "magic";
  #need = 4;
  readonly #field = new Uint8Array(18);
  #filled = 0;
  #skip = 0;
  #descriptor = 0;
  #last = false;

  /** The next bytes of the stream. Throws `COMPRESSION_INVALID`, `COMPRESSION_LIMIT`. */
  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        if (this.#skip === 0) this.#contentEnded();
        continue;
      }
      this.#field[this.#filled++] = chunk[at++]!;
      if (this.#filled < this.#need) continue;
      this.#filled = 0;
      this.#take();
    }
  }

  /** Throws `COMPRESSION_TRUNCATED` when the stream stops inside a frame. */
  end(): void {
    if (this.#expect !== "magic" || this.#filled > 0)
      throw new StrakeError("COMPRESSION_TRUNCATED", "the zstd stream ends in the middle of a frame");
  }

  #take(): void {
    switch (this.#expect) {
      case "magic":
        this.#takeMagic();
        break;
      case "skip-size":
        this.#content(this.#number(0, 4), "magic");
        break;
      case "descriptor":
        this.#descriptor = this.#field[0]!;
        this.#next("header", headerSize(this.#descriptor));
        break;
      case "header":
        this.#checkWindow();
        this.#next("block", 3);
        break;
      case "block":
        this.#takeBlock();
        break;
      default:
        this.#next("magic", 4);
    }
  }

  #takeMagic(): void {
    const magic = this.#number(0, 4);
    if (magic === 0xfd2fb528) this.#next("descriptor", 1);
    else if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) this.#next("skip-size", 4);
    else throw new StrakeError("COMPRESSION_INVALID", "the zstd stream goes on with bytes that are no frame");
  }

  #takeBlock(): void {
    const header = this.#number(0, 3);
    this.#last = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    if (type === 3)
      throw new StrakeError("COMPRESSION_INVALID", "the zstd stream has a block of a reserved type");
    // A run-length block is one byte, whatever it says it expands to.
    this.#content(type === 1 ? 1 : header >> 3, "content");
  }

  #content(length: number, expect: Expect): void {
    this.#expect = expect;
    this.#skip = length;
    if (length === 0) this.#contentEnded();
  }

  #contentEnded(): void {
    if (this.#expect === "content" && !this.#last) this.#next("block", 3);
    else if (this.#expect === "content" && (this.#descriptor & 4) !== 0) this.#next("checksum", 4);
    else this.#next("magic", 4);
  }

  #checkWindow(): void {
    const single = (this.#descriptor & 0x20) !== 0;
    const window = single ? this.#contentSize() : windowSize(this.#field[0]!);
    if (window > maxWindow)
      throw new StrakeError(
        "COMPRESSION_LIMIT",
        `a zstd frame needs a window of ${window} bytes; ${maxWindow} is the most that is accepted`,
      );
  }

  #contentSize(): number {
    const dictionary = [0, 1, 2, 4][this.#descriptor & 3]!;
    const flag = this.#descriptor >> 6;
    if (flag === 1) return this.#number(dictionary, 2) + 256;
    return this.#number(dictionary, [1, 2, 4, 8][flag]!);
  }

  #next(expect: Expect, need: number): void {
    this.#expect = expect;
    this.#need = need;
  }

  #number(at: number, length: number): number {
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + this.#field[at + i]!;
    return value;
  }
}

/** Bytes of a frame header behind its descriptor: window, dictionary id, content size (RFC 8878, 3.1.1.1). */
function headerSize(descriptor: number): number {
  if ((descriptor & 8) !== 0)
    throw new StrakeError("COMPRESSION_INVALID", "the zstd stream sets a reserved bit in a frame header");
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + contentSize;
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}
