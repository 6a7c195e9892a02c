import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestHex } from "../oci/index.ts";
import { currentOwner } from "./owner.ts";
import { isAbandoned, isTemporaryName, temporaryName } from "./temporary.ts";

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

/** Less is sooner sent again than looked for, in bytes. */
const leastKept = 1 << 20;

/** Of this process, and being written or read now. */
const inUse = new Set<string>();

/**
 * Beginnings of blobs, as temporary files whose names end in the digest: an interrupted download goes on where it was, also in the next process.
 * What nobody comes back for goes with the next collection, as all temporary files of the dead.
 */
export class PartialBlobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A path to write the blob to. It is ours until `keep` or `forget`. */
  begin(digest: Digest): string {
    const path = join(this.#folder, `${temporaryName()}_${digestHex(digest)}`);
    inUse.add(path);
    return path;
  }

  /** The file has become something else, or nothing. */
  forget(path: string): void {
    inUse.delete(path);
    rmSync(path, { force: true });
  }

  /** What was written so far stays for `take`, if it is worth it. */
  keep(path: string): void {
    const isWorth = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= leastKept;
    if (isWorth) inUse.delete(path);
    else this.forget(path);
  }

  /** The longest beginning of the blob that nobody is at. Shorter ones go. */
  take(digest: Digest): PartialBlob | undefined {
    const longest = this.#longest(digest);
    return longest && this.#adopt(longest.path, { digest, size: longest.size });
  }

  #longest(digest: Digest): { path: string; size: number } | undefined {
    const [first, ...others] = this.#left(digest).sort((a, b) => b.size - a.size);
    for (const { path } of others) rmSync(path, { force: true });
    return first;
  }

  #left(digest: Digest): { path: string; size: number }[] {
    const ending = `_${digestHex(digest)}`;
    const own = currentOwner();
    return readdirSync(this.#folder)
      .filter((name) => isTemporaryName(name) && name.endsWith(ending))
      .flatMap((name) => {
        const path = join(this.#folder, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat === undefined || inUse.has(path)) return [];
        const isFree = name.includes(`-${own}-`) || isAbandoned(name, Date.now() - stat.mtimeMs);
        return isFree ? [{ path, size: stat.size }] : [];
      });
  }

  /** Undefined where another process, or a collection, was faster. */
  #adopt(from: string, { digest, size }: { digest: Digest; size: number }): PartialBlob | undefined {
    const path = this.begin(digest);
    try {
      renameSync(from, path);
    } catch {
      inUse.delete(path);
      return undefined;
    }
    const release = () => {
      inUse.delete(path);
      this.#longest(digest);
    };
    return { path, size, drop: () => this.forget(path), release };
  }
}
