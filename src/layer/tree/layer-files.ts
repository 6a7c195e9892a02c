import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { ErofsReader } from "../../erofs/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { addressOf, ResidentPages } from "../../sys/index.ts";

/** The two files of a layer, as the store hands them out. */
export interface LayerPaths {
  readonly tarPath: string;
  readonly indexPath: string;
}

/** One layer opened for reading: the index mapped into memory and the tar opened, each when first wanted. */
export class LayerFiles {
  readonly #paths: LayerPaths;
  #reader: ErofsReader | undefined;
  #tar = -1;
  /** The index where it is mapped, and not read. */
  #mapped: Uint8Array | undefined;
  #resident: ResidentPages | undefined;

  constructor(paths: LayerPaths) {
    this.#paths = paths;
  }

  get reader(): ErofsReader {
    this.#reader ??= new ErofsReader(this.#map());
    return this.#reader;
  }

  /** Between many look-ups: what they touched of the index need not stay in the process. */
  release(): void {
    if (!this.#mapped) return;
    this.#resident ??= new ResidentPages(addressOf(this.#mapped));
    this.#resident.release(this.#mapped.length);
  }

  /**
   * Fills `target` from the tar. It is read, not mapped: a mapped tar that lost its end would kill the process with
   * SIGBUS, and mapped bytes of large files would count as our memory. Errors: `EROFS_INVALID` when the tar is shorter
   * than its index says.
   */
  readTar(target: Uint8Array, offset: number): void {
    if (this.#tar < 0) this.#tar = openSync(this.#paths.tarPath, "r");
    let done = 0;
    while (done < target.length) {
      const length = readSync(this.#tar, target, done, target.length - done, offset + done);
      if (length === 0)
        throw new StrakeError("EROFS_INVALID", `a layer's tar ends before the content its index points to`, {
          hint: "run `strake gc --verify`",
        });
      done += length;
    }
  }

  close(): void {
    if (this.#tar >= 0) closeSync(this.#tar);
    this.#tar = -1;
    this.#resident?.close();
    this.#resident = undefined;
    this.#mapped = undefined;
    this.#reader = undefined;
  }

  /**
   * The index as a private mapping, so that no stray write can reach the file. mmap takes no empty file, and Bun opens for writing,
   * which read-only file systems refuse: such files are read.
   */
  #map(): Uint8Array {
    const path = this.#paths.indexPath;
    if (statSync(path).size === 0) return new Uint8Array(0);
    try {
      const bytes = Bun.mmap(path, { shared: false });
      // Only this: of memory that is no file nothing would come back.
      if (process.platform === "linux") this.#mapped = bytes;
      return bytes;
    } catch {
      return readFileSync(path);
    }
  }
}
