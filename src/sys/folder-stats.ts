import { closeSync, constants, lstatSync, openSync, type Stats } from "node:fs";
import { encodePath } from "../tar/index.ts";
import { errnoName, sysError } from "./errno.ts";
import { addressOf, errno, libc } from "./libc.ts";
import { nodePath } from "./path.ts";

/** What a file is and when it last changed, as `Stats` of node:fs has it. */
export type FileFacts = Pick<Stats, "mode" | "size" | "mtimeMs" | "ctimeMs" | "ino" | "dev" | "rdev">;

const symlinkNofollow = 0x100;
/** STATX_BASIC_STATS */
const basicStats = 0x7ff;

/** Names looked at together, and bytes for them; more are looked at one by one. */
const batchLength = 512;
const batchSize = 32 << 10;
const spareBatches: Buffer[] = [];

/** `struct statx` and a name, used by one call at a time. */
interface Scratch {
  readonly words: Uint32Array;
  readonly signed: Int32Array;
  readonly result: number;
  readonly name: Buffer;
  readonly nameAddress: number;
}

let scratch: Scratch | undefined;
let isMissing = false;

/**
 * Looks at the files of one folder, as lstat: by their names from the folder's descriptor and without an object for each, in half the
 * time of lstatSync over 20,000 files. Where statx(2) cannot be had (other systems, old sandboxes) lstatSync does it.
 */
export class FolderStats implements FileFacts {
  readonly #folder: string;
  readonly #fd: number;
  mode = 0;
  size = 0;
  mtimeMs = 0;
  ctimeMs = 0;
  ino = 0;
  dev = 0;
  rdev = 0;

  /** Errors: those of node:fs when the folder cannot be opened. To be closed. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#fd = openSync(nodePath(folder), constants.O_RDONLY | constants.O_DIRECTORY);
  }

  close(): void {
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes over what is known of the file with this name; false when there is none. Errors: SYS_*. */
  look(name: string): boolean {
    const at = isMissing ? undefined : scratchOf();
    if (!at) return this.#lookSlowly(name);
    const length = name.isWellFormed() ? at.name.write(name) : encodeInto(at.name, name);
    at.name[length] = 0;
    return this.#lookAt(at, at.nameAddress, name);
  }

  /**
   * Looks at one name after the other and tells `found` of those that are there, while what is known of them can be read. Names that are ASCII are
   * handed to the kernel as they stand in one piece of text. Errors: SYS_*.
   */
  lookAll(names: Iterable<string>, found: (name: string) => void): void {
    const batch: string[] = [];
    for (const name of names) if (batch.push(name) === batchLength) this.#lookAtBatch(batch.splice(0), found);
    this.#lookAtBatch(batch, found);
  }

  #lookAtBatch(batch: readonly string[], found: (name: string) => void): void {
    const at = isMissing || batch.length === 0 ? undefined : scratchOf();
    const text = at ? `${batch.join("\0")}\0` : "";
    // As many bytes as characters: every name is ASCII.
    if (!at || Buffer.byteLength(text) !== text.length || text.length > batchSize) {
      for (const name of batch) if (this.look(name)) found(name);
      return;
    }
    // `found` may look into other folders meanwhile.
    const bytes = spareBatches.pop() ?? Buffer.alloc(batchSize);
    try {
      bytes.write(text, "latin1");
      let address = addressOf(bytes);
      for (const name of batch) {
        if (this.#lookAt(at, address, name)) found(name);
        address += name.length + 1;
      }
    } finally {
      spareBatches.push(bytes);
    }
  }

  /** `address`: of the name's bytes, with NUL behind them. */
  #lookAt({ words, signed, result }: Scratch, address: number, name: string): boolean {
    if (libc().statx(this.#fd, address, symlinkNofollow, basicStats, result) !== 0) {
      const error = errnoName(errno());
      if (error === "ENOENT") return false;
      if (error !== "ENOSYS" && error !== "EPERM")
        throw sysError(errno(), { call: "statx", path: `${this.#folder}/${name}` });
      isMissing = true;
      return this.#lookSlowly(name);
    }
    this.mode = words[7]! & 0xffff;
    this.ino = words[8]! + words[9]! * 2 ** 32;
    this.size = words[10]! + words[11]! * 2 ** 32;
    this.ctimeMs = (words[24]! + signed[25]! * 2 ** 32) * 1000 + words[26]! / 1e6;
    this.mtimeMs = (words[28]! + signed[29]! * 2 ** 32) * 1000 + words[30]! / 1e6;
    this.rdev = deviceNumber(words[32]!, words[33]!);
    this.dev = deviceNumber(words[34]!, words[35]!);
    return true;
  }

  #lookSlowly(name: string): boolean {
    const stats = lstatSync(nodePath(`${this.#folder}/${name}`), { throwIfNoEntry: false });
    if (!stats) return false;
    const { mode, size, mtimeMs, ctimeMs, ino, dev, rdev } = stats;
    Object.assign(this, { mode, size, mtimeMs, ctimeMs, ino, dev, rdev });
    return true;
  }
}

/** Undefined, from then on, where libc has no statx. */
function scratchOf(): Scratch | undefined {
  if (scratch) return scratch;
  try {
    void libc().statx;
    const result = new Uint8Array(256);
    const name = Buffer.alloc(4096);
    scratch = {
      words: new Uint32Array(result.buffer),
      signed: new Int32Array(result.buffer),
      result: addressOf(result),
      name,
      nameAddress: addressOf(name),
    };
  } catch {
    isMissing = true;
  }
  return scratch;
}

function encodeInto(target: Buffer, name: string): number {
  const bytes = encodePath(name);
  target.set(bytes);
  return bytes.length;
}

/** As glibc's makedev; both numbers are small wherever a `Stats` can hold them. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 2 ** 8 + (minor >>> 8) * 2 ** 20 + (major >>> 12) * 2 ** 44;
}
