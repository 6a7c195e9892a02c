import { fstatSync, readdirSync, rmSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import type { Folder } from "./folder.ts";
import { tryFlock } from "./lock.ts";
import { linkAt, mkdirAt, renameAt, renameFlags, unlinkAt } from "./node.ts";
import { closeFd, openAt } from "./open.ts";
import { openFlags, resolveFlags } from "./open-flags.ts";
import { getuid } from "./process.ts";
import { randomHex } from "./random.ts";

const prefix = ".strake-tmp-";
const pattern = /^\.strake-tmp-[0-9a-f]{16}$/;

export interface TemporaryOptions {
  /** Default: 0o644 for a file, 0o700 for a folder. */
  readonly mode?: number;
}

/**
 * A file or folder that is being written in the folder where it is to be, under a name that says whose it is. Its writer holds a lock on it
 * (flock), which the kernel takes back however the writer ends: so `sweepTemporaries` knows what was left behind, by writers in other
 * containers and on other machines too, whose process ids mean nothing here. Errors: SYS_*.
 */
export class Temporary {
  readonly name: string;
  /** A file's is open for writing. */
  readonly fd: number;
  readonly #folder: Folder;
  readonly #isFolder: boolean;
  #isPlaced = false;
  #isClosed = false;

  private constructor(folder: Folder, made: Made, isFolder: boolean) {
    this.#folder = folder;
    this.name = made.name;
    this.fd = made.fd;
    this.#isFolder = isFolder;
  }

  static file(folder: Folder, { mode = 0o644 }: TemporaryOptions = {}): Temporary {
    const flags = openFlags.writeOnly | openFlags.create | openFlags.exclusive | openFlags.nofollow;
    const make = (name: string) => openAt(folder.fd, name, { flags, mode, resolve: resolveFlags.beneath });
    return new Temporary(folder, claim(make), false);
  }

  static folder(folder: Folder, { mode = 0o700 }: TemporaryOptions = {}): Temporary {
    const make = (name: string) => {
      if (!mkdirAt(folder.fd, name, mode)) throw new StrakeError("SYS_EXISTS", `${name} is there already`);
      return openThere(folder, name, openFlags.directory);
    };
    return new Temporary(folder, claim(make), true);
  }

  /** Gives it its name in a folder of the same file system, atomically. Errors: SYS_EXISTS without `replace` when the name is taken. */
  place(folder: Folder, name: string, { replace }: { readonly replace: boolean }): void {
    const from = this.#folder.fd;
    if (replace) renameAt(from, this.name, folder.fd, name);
    else
      try {
        renameAt(from, this.name, folder.fd, name, renameFlags.noReplace);
      } catch (error) {
        // Some file systems cannot do that; a link does not replace either.
        if (!(error instanceof StrakeError) || error.code === "SYS_EXISTS" || this.#isFolder) throw error;
        linkAt(from, this.name, folder.fd, name);
        unlinkAt(from, this.name);
      }
    this.#isPlaced = true;
  }

  /** Closes it; what was given no name is gone then. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isPlaced) remove(this.#folder, this.name);
    closeFd(this.fd);
  }
}

interface Made {
  readonly name: string;
  readonly fd: number;
}

/** Makes one and locks it. Somebody who sweeps may have been between the two: then it is gone, and another is made. */
function claim(make: (name: string) => number): Made {
  for (;;) {
    const name = prefix + randomHex(8);
    const fd = make(name);
    if (lockIfPossible(fd) && fstatSync(fd).nlink > 0) return { name, fd };
    closeFd(fd);
  }
}

/** False when somebody else has the lock. Where there are no locks nobody sweeps either. */
function lockIfPossible(fd: number): boolean {
  try {
    return tryFlock(fd, "exclusive");
  } catch {
    return true;
  }
}

/**
 * Removes what writers left in a folder that were killed: what has a temporary's name, is this user's own and is locked by nobody. Never throws:
 * what cannot be removed stays. Gives how many are gone.
 */
export function sweepTemporaries(folder: Folder): number {
  let names: string[] = [];
  try {
    names = readdirSync(`/proc/self/fd/${folder.fd}`).filter((name) => pattern.test(name));
  } catch {
    // A folder that may be written and not listed.
  }
  let swept = 0;
  for (const name of names)
    try {
      const there = folder.lstat(name);
      if (there === undefined || there.uid !== getuid() || !(there.isFile() || there.isDirectory())) continue;
      const fd = openThere(folder, name, 0);
      try {
        if (!tryFlock(fd, "exclusive")) continue;
        remove(folder, name);
        swept++;
      } finally {
        closeFd(fd);
      }
    } catch {
      // Somebody else was faster, or it is not ours to remove.
    }
  return swept;
}

/** For reading, without following a link and without waiting for the other end of a FIFO. */
function openThere(folder: Folder, name: string, flags: number): number {
  return openAt(folder.fd, name, {
    flags: openFlags.readOnly | openFlags.nofollow | openFlags.nonblock | flags,
    resolve: resolveFlags.beneath | resolveFlags.noSymlinks,
  });
}

function remove(folder: Folder, name: string): void {
  rmSync(`/proc/self/fd/${folder.fd}/${name}`, { recursive: true, force: true });
}
