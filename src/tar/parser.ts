import { StrakeError } from "../errors/index.ts";
import { Assembler } from "./assembler.ts";
import { blockSize, field, paddedSize } from "./block.ts";
import type { Entry, SparseExtent } from "./entry.ts";
import { HeaderBlock, type RawHeader } from "./header.ts";
import { defaultLimits, type TarLimits } from "./limits.ts";
import { parseNumber } from "./number.ts";
import { parsePax } from "./pax.ts";
import { checkSparseMap, readGnuExtents, SparseMapReader, tooMany } from "./sparse.ts";

/**
 * What the next bytes are: a header block, the body of an extension header, a block of a sparse map, or what stands
 * after the end of the archive.
 */
type State = "header" | "body" | "gnu-sparse" | "pax-sparse" | "end";

/**
 * The one state machine that understands tar headers: scanner and reader both drive it, so they cannot disagree
 * about where an entry starts (CVE-2025-62518). It is given header bytes only; after an entry it expects its driver
 * to skip `contentSize` bytes. All errors are StrakeErrors TAR_* that name the offset of the entry.
 */
export class HeaderParser {
  readonly #limits: Required<TarLimits>;
  readonly #block = new HeaderBlock();
  readonly #assembler: Assembler;
  #state: State = "header";
  /** Bytes of the block or body at hand that have arrived. */
  #filled = 0;
  #body = Buffer.alloc(0);
  #bodySize = 0;
  #bodyType = "";
  #zeroBlock = false;
  #offset = 0;
  #headerOffset = 0;
  #extensions = 0;
  #entries = 0;
  #pending: RawHeader | undefined;
  #gnuMap: SparseExtent[] = [];
  #realSize = 0;
  #paxMap: SparseMapReader | undefined;
  #mapSize = 0;
  #entry: Entry | undefined;

  constructor(limits: TarLimits = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#assembler = new Assembler(this.#limits);
  }

  /** The end-of-archive mark has been read. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /** The entry whose headers `consume` has just completed; the state machine then stands behind its content. */
  take(): Entry | undefined {
    const entry = this.#entry;
    this.#entry = undefined;
    return entry;
  }

  /**
   * Takes bytes of `chunk` from `at` up to the end of an entry's headers or of the chunk, and returns where it
   * stopped.
   */
  consume(chunk: Buffer, at: number): number {
    try {
      let position = at;
      while (position < chunk.length && this.#entry === undefined) {
        if (this.#state === "end") return chunk.length;
        position +=
          this.#state === "body" ? this.#fillBody(chunk, position) : this.#fillBlock(chunk, position);
      }
      return position;
    } catch (error) {
      throw this.#locate(error);
    }
  }

  /**
   * The archive is over. Fails with `TAR_TRUNCATED` in the middle of headers. An archive that just stops after an
   * entry, or after one zero block, is complete, as for GNU tar and Go.
   */
  end(): void {
    const between = this.#state === "header" && this.#filled === 0 && !this.#assembler.expectsEntry;
    if (between || this.#state === "end") return;
    const message =
      this.#offset === 0
        ? "this is no tar archive: it ends before the first header does"
        : "the archive ends in the middle of a header";
    throw this.#locate(new StrakeError("TAR_TRUNCATED", message));
  }

  #fillBlock(chunk: Buffer, at: number): number {
    const length = Math.min(blockSize - this.#filled, chunk.length - at);
    chunk.copy(this.#block.bytes, this.#filled, at, at + length);
    this.#filled += length;
    if (this.#filled === blockSize) {
      this.#filled = 0;
      this.#offset += blockSize;
      this.#takeBlock();
    }
    return length;
  }

  #fillBody(chunk: Buffer, at: number): number {
    const padded = paddedSize(this.#bodySize);
    const length = Math.min(padded - this.#filled, chunk.length - at);
    const content = Math.min(length, Math.max(0, this.#bodySize - this.#filled));
    chunk.copy(this.#body, this.#filled, at, at + content);
    this.#filled += length;
    if (this.#filled === padded) {
      this.#filled = 0;
      this.#offset += padded;
      this.#state = "header";
      this.#takeBody();
    }
    return length;
  }

  #takeBlock(): void {
    if (this.#state === "header") this.#takeHeader();
    else if (this.#state === "gnu-sparse") {
      if (!readGnuExtents(this.#block.bytes, "extension", this.#gnuMap)) this.#finishGnuSparse();
      else if (this.#gnuMap.length > this.#limits.sparseExtents) throw tooMany(this.#limits.sparseExtents);
    } else this.#takeMapBlock();
  }

  #takeHeader(): void {
    if (this.#block.isZero()) {
      if (this.#assembler.expectsEntry)
        throw new StrakeError("TAR_INVALID", "an extension header is not followed by an entry");
      if (this.#zeroBlock) this.#state = "end";
      this.#zeroBlock = true;
      return;
    }
    // GNU tar warns of a lone zero block and stops, Go fails. Going on would show entries that others do not see.
    if (this.#zeroBlock) throw new StrakeError("TAR_INVALID", "a lone zero block stands between two entries");
    if (!this.#assembler.expectsEntry) this.#headerOffset = this.#offset - blockSize;
    const raw = this.#block.parse();
    if (raw.size < 0) throw new StrakeError("TAR_INVALID", "the size is negative");
    if ("xgLK".includes(raw.typeflag)) this.#startBody(raw);
    else this.#startEntry(raw);
  }

  #startBody(raw: RawHeader): void {
    if (++this.#extensions > this.#limits.extensionsPerEntry)
      throw new StrakeError(
        "TAR_LIMIT",
        `more than ${this.#limits.extensionsPerEntry} extension headers in a row`,
      );
    if (raw.size > this.#limits.extensionBytes)
      throw new StrakeError(
        "TAR_LIMIT",
        `an extension header is larger than ${this.#limits.extensionBytes} bytes`,
      );
    this.#assembler.expectExtension(raw.typeflag);
    this.#bodyType = raw.typeflag;
    this.#bodySize = raw.size;
    if (this.#body.length < raw.size) this.#body = Buffer.alloc(Math.max(4096, raw.size));
    if (raw.size === 0) this.#takeBody();
    else this.#state = "body";
  }

  #takeBody(): void {
    const body = this.#body.subarray(0, this.#bodySize);
    if (this.#bodyType === "x") this.#assembler.setLocal(parsePax(body, this.#limits));
    else if (this.#bodyType === "g") this.#assembler.addGlobal(parsePax(body, this.#limits));
    else this.#assembler.setLongName(this.#bodyType, body);
  }

  #startEntry(raw: RawHeader): void {
    if (++this.#entries > this.#limits.entries)
      throw new StrakeError("TAR_LIMIT", `the archive has more than ${this.#limits.entries} entries`);
    this.#extensions = 0;
    if (raw.typeflag === "V") {
      // GNU's volume label names the tape, not a file.
      this.#assembler.clear();
      return;
    }
    this.#pending = raw;
    if (raw.typeflag === "S") {
      this.#realSize = parseNumber(this.#block.bytes, ...field.gnuRealSize, "the size of a sparse file");
      this.#gnuMap = [];
      if (readGnuExtents(this.#block.bytes, "header", this.#gnuMap)) this.#state = "gnu-sparse";
      else this.#finishGnuSparse();
    } else if (this.#assembler.hasSparseMapInContent) {
      this.#paxMap = new SparseMapReader(this.#limits.sparseExtents);
      this.#mapSize = 0;
      this.#state = "pax-sparse";
    } else this.#finishEntry(0);
  }

  #finishGnuSparse(): void {
    this.#finishEntry(0, this.#gnuMap, this.#realSize);
  }

  #takeMapBlock(): void {
    this.#mapSize += blockSize;
    const map = this.#paxMap!.push(this.#block.bytes);
    const stored = this.#assembler.sizeOf(this.#pending!) - this.#mapSize;
    if (stored < 0) throw new StrakeError("TAR_INVALID", "a sparse file's map is longer than its content");
    if (map) this.#finishEntry(this.#mapSize, map);
  }

  #finishEntry(mapSize: number, map?: SparseExtent[], realSize?: number): void {
    const { entry, contentSize, sparse } = this.#assembler.assemble(this.#pending!, map, realSize);
    const storedSize = contentSize - mapSize;
    entry.headerOffset = this.#headerOffset;
    entry.dataOffset = this.#offset;
    entry.storedSize = storedSize;
    if (sparse) entry.sparse = checkSparseMap(sparse, entry.size, storedSize);
    this.#entry = entry;
    this.#offset += paddedSize(storedSize);
    if (!Number.isSafeInteger(this.#offset)) throw new StrakeError("TAR_INVALID", "the size is too large");
    this.#pending = undefined;
    this.#paxMap = undefined;
    this.#state = "header";
  }

  #locate(error: unknown): unknown {
    if (!(error instanceof StrakeError)) return error;
    return new StrakeError(error.code, `tar entry at byte ${this.#headerOffset}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
}
