import { StrakeError } from "../errors/index.ts";
import { LayerFiles, type LayerPaths } from "./tree/layer-files.ts";
import { Tree } from "./tree/tree.ts";

/** Bytes of the tar read at once. A larger file is not looked for: to open it in its source costs nothing beside its bytes. */
const windowSize = 512 << 10;
/** Bytes between one content and the next: a header without extensions, which most files have; two behind a directory's start. */
const gaps = [512, 1024];

/**
 * Contents of files out of an earlier layer that held much the same files. 20,000 small files cost four system calls each in their
 * folder, here a few large reads: a copy in the same order reads the tar from front to back. The layer's index
 * is asked only where that order breaks.
 */
export class EarlierContents {
  readonly #files: LayerFiles;
  readonly #tree: Tree;
  readonly #window = new Uint8Array(windowSize);
  readonly #hash = new Uint8Array(32);
  readonly #tarSize: number;
  #start = 0;
  #end = 0;
  /** Where the content found last ends; the next one's header is likely to stand there. */
  #next = 0;

  constructor(layer: LayerPaths & { readonly size: number }) {
    this.#files = new LayerFiles(layer);
    this.#tree = Tree.open([layer]);
    this.#tarSize = layer.size;
  }

  /**
   * Bytes with this sha256 digest (32 bytes), if the layer has them at `path`; good until the next call. Whatever is found is hashed before it is given
   * away: no mistaken guess and no rotten disk makes a layer that differs from its source.
   */
  find(
    path: string,
    { size, digest }: { readonly size: number; readonly digest: Uint8Array },
  ): Uint8Array | undefined {
    if (size === 0 || size > windowSize) return undefined;
    for (const gap of gaps) {
      const bytes = this.#take(this.#next + gap, size, digest);
      if (bytes) return bytes;
    }
    return this.#lookUp(path, size, digest);
  }

  close(): void {
    this.#files.close();
    this.#tree.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #lookUp(path: string, size: number, digest: Uint8Array): Uint8Array | undefined {
    try {
      this.#tree.release();
      const node = this.#tree.lookup(path, { follow: false });
      if (node?.type !== "file") return undefined;
      const [extent, ...more] = this.#tree.extents(node).extents;
      if (!extent || more.length > 0) return undefined;
      // What comes behind a file that changed is found where its neighbour ends.
      this.#next = paddedEnd(extent.offset, node.size);
      return node.size === size ? this.#take(extent.offset, size, digest) : undefined;
    } catch (error) {
      // A damaged layer has nothing to offer; its own use will report it.
      if (error instanceof StrakeError) return undefined;
      throw error;
    }
  }

  #take(offset: number, size: number, digest: Uint8Array): Uint8Array | undefined {
    const bytes = this.#view(offset, size);
    if (!bytes) return undefined;
    Bun.CryptoHasher.hash("sha256", bytes, this.#hash);
    if (!isEqual(this.#hash, digest)) return undefined;
    this.#next = paddedEnd(offset, size);
    return bytes;
  }

  #view(offset: number, length: number): Uint8Array | undefined {
    if (offset + length > this.#tarSize) return undefined;
    if (offset < this.#start || offset + length > this.#end) {
      const read = Math.min(windowSize, this.#tarSize - offset);
      this.#end = 0;
      this.#files.readTar(this.#window.subarray(0, read), offset);
      this.#start = offset;
      this.#end = offset + read;
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }
}

function paddedEnd(offset: number, size: number): number {
  return offset + Math.ceil(size / 512) * 512;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) if (a[i] !== b[i]) return false;
  return b.length === 32;
}
