import { fstatSync, ftruncateSync } from "node:fs";
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
const partialPrefix = ".strake-part-";
const partialPattern = /^\.strake-part-[0-9a-f]{32,128}$/;
const strictly = resolveFlags.beneath | resolveFlags.noSymlinks;
/** Content of less bytes is sooner sent again than kept and looked for. */
export const leastKept = 1 << 20;
/** Milliseconds after which nobody is expected to come back for what was cut short. */
const partialLifetime = 7 * 24 * 3600 * 1000;

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
  /** A file's is open for writing; one that may be kept also for reading, and what is written to it goes to its end. */
  readonly fd: number;
  readonly #isKeepable: boolean;
  readonly #folder: Folder;
  readonly #isFolder: boolean;
  #isPlaced = false;
  #isClosed = false;

  private constructor(folder: Folder, made: Made, isFolder: boolean) {
    this.#folder = folder;
    this.name = made.name;
    this.fd = made.fd;
    this.#isFolder = isFolder;
    this.#isKeepable = made.name.startsWith(partialPrefix);
  }

  static file(folder: Folder, { mode = 0o644 }: TemporaryOptions = {}): Temporary {
    const flags = openFlags.writeOnly | openFlags.create | openFlags.exclusive | openFlags.nofollow;
    const make = (name: string) => openAt(folder.fd, name, { flags, mode, resolve: resolveFlags.beneath });
    return new Temporary(folder, claim(make), false);
  }

  /**
   * A file whose content is known by the digits of its digest, and by its size: with what an earlier one of the same content came to that was cut
   * short, in this process or in one that was killed. Nobody has compared that with anything. Empty when somebody is at it right now.
   */
  static partial(folder: Folder, { digits, size, mode = 0o644 }: PartialOptions): Temporary {
    const name = partialPrefix + digits;
    const { readWrite, create, append, nofollow, nonblock } = openFlags;
    const flags = readWrite | create | append | nofollow | nonblock;
    const open = () => openAt(folder.fd, name, { flags, mode, resolve: strictly });
    const made = size < leastKept ? undefined : claimPartial(folder, name, open);
    return made ? new Temporary(folder, made, false) : Temporary.file(folder, { mode });
  }

  /** As `partial`, a folder: with what is in it of an earlier one with the same digits. */
  static partialFolder(folder: Folder, { digits }: Pick<PartialOptions, "digits">): Temporary {
    const name = partialPrefix + digits;
    const made = claimPartial(folder, name, () => {
      mkdirAt(folder.fd, name, 0o700);
      return openThere(folder, name, openFlags.directory);
    });
    return made ? new Temporary(folder, made, true) : Temporary.folder(folder);
  }

  static folder(folder: Folder, { mode = 0o700 }: TemporaryOptions = {}): Temporary {
    const make = (name: string) => {
      if (!mkdirAt(folder.fd, name, mode)) throw new StrakeError("SYS_EXISTS", `${name} is there already`);
      return openThere(folder, name, openFlags.directory);
    };
    return new Temporary(folder, claim(make), true);
  }

  /** Bytes of the file. */
  get size(): number {
    return fstatSync(this.fd).size;
  }

  /** Drops what is in the file. */
  clear(): void {
    ftruncateSync(this.fd);
  }

  /** Closes it; a `partialFolder` and what came of a `partial`, if it is worth it, stay for the next. */
  suspend(): void {
    if (this.#isClosed) return;
    this.#isClosed = this.#isKeepable && (this.#isFolder || this.size >= leastKept);
    if (this.#isClosed) closeFd(this.fd);
    else this[Symbol.dispose]();
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
    if (!this.#isPlaced) this.#folder.remove(this.name);
    closeFd(this.fd);
  }
}

export interface PartialOptions extends TemporaryOptions {
  /** The digest's, hexadecimal. */
  readonly digits: string;
  /** Bytes that it will have. */
  readonly size: number;
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

/**
 * Opens or makes the one file or folder of this name, and locks it. Only who has the lock renames or removes it, so the name leads to it until then.
 * Undefined when somebody else has it, where there are no locks, and for what is not one that only we could have made: a link, one of another user, a
 * file with a second name.
 */
function claimPartial(folder: Folder, name: string, open: () => number): Made | undefined {
  for (;;) {
    let fd: number;
    try {
      fd = open();
    } catch {
      return undefined;
    }
    const state = lockOf(folder, name, fd);
    if (state === "ours") return { name, fd };
    if (state === "no locks" && fstatSync(fd).size === 0) folder.remove(name);
    closeFd(fd);
    if (state !== "moved") return undefined;
  }
}

function lockOf(folder: Folder, name: string, fd: number): "ours" | "not ours" | "no locks" | "moved" {
  const opened = fstatSync(fd);
  if (!(opened.isFile() || opened.isDirectory()) || opened.uid !== getuid()) return "not ours";
  // A program of ours that somebody gave this name would become theirs to fill, and keep our rights.
  if (opened.isFile() && (opened.mode & 0o6000) !== 0) return "not ours";
  try {
    if (!tryFlock(fd, "exclusive")) return "not ours";
  } catch {
    return "no locks";
  }
  if (!leadsTo(folder, name, fd)) return "moved";
  return opened.isDirectory() || fstatSync(fd).nlink === 1 ? "ours" : "not ours";
}

/** Whether the name, between opening and locking, was not given to another file. */
function leadsTo(folder: Folder, name: string, fd: number): boolean {
  const [opened, there] = [fstatSync(fd), folder.lstat(name)];
  return there !== undefined && there.ino === opened.ino && there.dev === opened.dev;
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
 * Removes what writers left in a folder that were killed: what has a temporary's name, is this user's own and is locked by nobody; what was cut short
 * and may be gone on with when nobody was at it for a week. Never throws: what cannot be removed stays. Gives how many are gone.
 */
export function sweepTemporaries(folder: Folder): number {
  let names: string[] = [];
  try {
    names = folder.names().filter((name) => pattern.test(name) || partialPattern.test(name));
  } catch {
    // A folder that may be written and not listed.
  }
  let swept = 0;
  for (const name of names)
    try {
      const there = folder.lstat(name);
      if (there === undefined || there.uid !== getuid() || !(there.isFile() || there.isDirectory())) continue;
      if (partialPattern.test(name) && Date.now() - there.mtimeMs < partialLifetime) continue;
      const fd = openThere(folder, name, 0);
      try {
        if (!tryFlock(fd, "exclusive") || !leadsTo(folder, name, fd)) continue;
        folder.remove(name);
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
    resolve: strictly,
  });
}
