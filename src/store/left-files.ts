import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { currentOwner } from "./owner.ts";
import { isAbandoned, isTemporaryName, temporaryName, unownedName } from "./temporary.ts";

/** A file that nobody is at. */
export interface LeftFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since it was written. */
  readonly age: number;
}

/** Names of those of this process that are being written or read now; no two have the same, whichever way leads to the folder. */
const inUse = new Set<string>();

/**
 * Temporary files whose names end in what they are for (no `-` in it): who comes for the same finds what a call that was interrupted, or a process
 * that is gone, has left of it. Each has one owner at a time.
 */
export class LeftFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A path to write a file to. It is ours until `leave`, `release` or `forget`. */
  begin(ending: string): string {
    const path = join(this.#folder, `${temporaryName()}_${ending}`);
    inUse.add(basename(path));
    return path;
  }

  /** The file has become something else, or nothing. */
  forget(path: string): void {
    inUse.delete(basename(path));
    rmSync(path, { force: true });
  }

  /** It stays for whoever of this process comes next, and for others when this process is gone. */
  leave(path: string): void {
    inUse.delete(basename(path));
  }

  /** It stays for whoever comes next, in any process. */
  release(path: string, ending: string): void {
    try {
      renameSync(path, join(this.#folder, `${unownedName()}_${ending}`));
    } catch {
      // A collection took it.
    }
    inUse.delete(basename(path));
  }

  /** Those that nobody is at, of the names that fit. */
  left(fits: (name: string) => boolean): LeftFile[] {
    const own = currentOwner();
    return readdirSync(this.#folder)
      .filter((name) => isTemporaryName(name) && fits(name))
      .flatMap((name) => {
        const path = join(this.#folder, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat === undefined || inUse.has(name)) return [];
        const age = Date.now() - stat.mtimeMs;
        const isFree = name.includes(`-${own}-`) || isAbandoned(name, age);
        return isFree ? [{ path, size: stat.size, age }] : [];
      });
  }

  /** Makes one of them ours, under the path that is given. Undefined where another process, or a collection, was faster. */
  adopt(from: string, ending: string): string | undefined {
    const path = this.begin(ending);
    try {
      renameSync(from, path);
      return path;
    } catch {
      inUse.delete(basename(path));
      return undefined;
    }
  }
}
