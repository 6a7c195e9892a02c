import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { ErofsReader } from "../../erofs/index.ts";
import { StrakeError } from "../../errors/index.ts";

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

  constructor(paths: LayerPaths) {
    this.#paths = paths;
  }

  get reader(): ErofsReader {
    this.#reader ??= new ErofsReader(mapFile(this.#paths.indexPath));
    return this.#reader;
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
    this.#reader = undefined;
  }
}

/**
 * A private mapping, so that no stray write can reach the file. mmap takes no empty file, and Bun opens for writing,
 * which read-only file systems refuse: such files are read.
 */
function mapFile(path: string): Uint8Array {
  if (statSync(path).size === 0) return new Uint8Array(0);
  try {
    return Bun.mmap(path, { shared: false });
  } catch {
    return readFileSync(path);
  }
}
