import { statSync } from "node:fs";
import { type Digest, digestHex } from "../oci/index.ts";
import { leastKept } from "../sys/index.ts";
import { LeftFiles } from "./left-files.ts";

/** What came of a blob before it was cut short, taken over from a process that is gone or a call that failed. */
export interface PartialBlob {
  readonly path: string;
  /** Bytes. Nobody has compared them with anything yet. */
  readonly size: number;
  /** It is of no use any more. */
  drop(): void;
  /** It stays for the next one who asks, unless there is a longer one now. */
  release(): void;
}

/**
 * Beginnings of blobs, as temporary files whose names end in the digest: an interrupted download goes on where it was, also in the next process.
 * What nobody comes back for goes with the next collection, as all temporary files of the dead.
 */
export class PartialBlobs {
  readonly #files: LeftFiles;

  constructor(folder: string) {
    this.#files = new LeftFiles(folder);
  }

  /** A path to write the blob to. It is ours until `keep` or `forget`. */
  begin(digest: Digest): string {
    return this.#files.begin(digestHex(digest));
  }

  /** The file has become something else, or nothing. */
  forget(path: string): void {
    this.#files.forget(path);
  }

  /** What was written so far stays for `take`, if it is worth it. */
  keep(path: string): void {
    const isWorth = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= leastKept;
    if (isWorth) this.#files.leave(path);
    else this.forget(path);
  }

  /** The longest beginning of the blob that nobody is at. Shorter ones go. Undefined where another process, or a collection, was faster. */
  take(digest: Digest): PartialBlob | undefined {
    const longest = this.#longest(digest);
    const path = longest && this.#files.adopt(longest.path, digestHex(digest));
    if (path === undefined) return undefined;
    const release = () => {
      this.#files.leave(path);
      this.#longest(digest);
    };
    return { path, size: longest!.size, drop: () => this.forget(path), release };
  }

  #longest(digest: Digest): { readonly path: string; readonly size: number } | undefined {
    const ending = `_${digestHex(digest)}`;
    const left = this.#files.left((name) => name.endsWith(ending));
    const [first, ...others] = left.sort((a, b) => b.size - a.size);
    for (const { path } of others) this.forget(path);
    return first;
  }
}
