import { StrakeError } from "../errors/index.ts";
import type { Entry, EntryHeader, EntryType, SparseExtent } from "./entry.ts";
import type { RawHeader } from "./header.ts";
import type { TarLimits } from "./limits.ts";
import { decodePath, isAscii, quote } from "./path.ts";
import { collectXattrs, mergeGlobal, type PaxFields } from "./pax.ts";

const entryTypes: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  // Contiguous files; nothing is contiguous on today's file systems.
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

const none: PaxFields = {};
/** (uid_t)-1: chown(2) takes it as "leave as is", so a file "owned" by it would keep its maker's owner. */
const noOwner = 0xffff_ffff;
/** Linux's dev_t: 12 bits major, 20 bits minor. */
const maxMajor = 0xfff;
const maxMinor = 0xf_ffff;
/** XATTR_NAME_MAX and XATTR_SIZE_MAX of Linux. */
const maxXattrName = 255;
const maxXattrValue = 65_536;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a complete set of headers says. `contentSize` counts the bytes behind the headers, a sparse map included. */
interface Assembled {
  /** Its place in the archive is filled in by the parser; made in one piece, as one object of one shape is cheap. */
  readonly entry: Mutable<Entry>;
  readonly contentSize: number;
  readonly sparse?: readonly SparseExtent[];
}

/** Collects extension headers and applies them to the entry that follows. PAX wins over ustar, always. */
export class Assembler {
  readonly #limits: Required<TarLimits>;
  #global: PaxFields = none;
  #globalBytes = 0;
  #local: PaxFields | undefined;
  #longPath: string | undefined;
  #longLink: string | undefined;

  constructor(limits: Required<TarLimits>) {
    this.#limits = limits;
  }

  /** An extension header that describes the next entry has been read. */
  get expectsEntry(): boolean {
    return this.#local !== undefined || this.#longPath !== undefined || this.#longLink !== undefined;
  }

  /** PAX sparse 1.0: the map stands in front of the content. */
  get hasSparseMapInContent(): boolean {
    const sparse = this.#local?.sparse;
    return sparse?.major === 1 && sparse.minor === 0;
  }

  /** Two headers of one kind before an entry: readers disagree on which counts, so neither is believed. */
  expectExtension(typeflag: string): void {
    const before = { x: this.#local, L: this.#longPath, K: this.#longLink, g: undefined }[typeflag];
    if (before !== undefined)
      throw new StrakeError("TAR_INVALID", `two extension headers of type ${typeflag} before one entry`);
  }

  setLocal(fields: PaxFields): void {
    this.#local = fields;
  }

  addGlobal(fields: PaxFields): void {
    this.#global = mergeGlobal(this.#global, fields);
    // Endless global headers with ever new attributes would grow without end.
    for (const map of [fields.xattrs, fields.libarchiveXattrs])
      for (const [name, value] of map ?? []) this.#globalBytes += name.length + value.length;
    if (this.#globalBytes > this.#limits.extensionBytes)
      throw new StrakeError("TAR_LIMIT", "the global PAX headers are too large");
  }

  /** The body of a GNU `L` or `K` header: a name and a NUL. */
  setLongName(typeflag: string, body: Uint8Array): void {
    let end = body.length;
    while (end > 0 && body[end - 1] === 0) end--;
    const name = body.subarray(0, end);
    if (name.includes(0)) throw new StrakeError("TAR_INVALID", "a GNU long name holds NUL");
    if (typeflag === "L") this.#longPath = decodePath(name);
    else this.#longLink = decodePath(name);
  }

  clear(): void {
    this.#local = undefined;
    this.#longPath = undefined;
    this.#longLink = undefined;
  }

  /** Bytes that follow an entry's headers: the PAX size if there is one, else the header's own. */
  sizeOf(raw: RawHeader): number {
    return this.#local?.size ?? raw.size;
  }

  /** The entry that `raw` and the extensions before it describe; forgets these. `map` as found outside of PAX. */
  assemble(raw: RawHeader, map?: SparseExtent[], realSize?: number): Assembled {
    const fields = this.#local ?? none;
    const path = this.#pathOf(raw, fields);
    const type = typeOf(raw.typeflag, path);
    const content = type === "file" ? this.sizeOf(raw) : 0;
    const sparse = this.#sparseOf(raw, fields, type, map);
    const mtime = pick(fields.mtime, this.#global.mtime);
    const linked = type === "symlink" || type === "hardlink";
    const device = type === "char" || type === "block";
    const xattrs = this.#local || this.#global !== none ? collectXattrs(this.#global, fields) : undefined;
    const entry: Mutable<Entry> = {
      type,
      path,
      mode: raw.mode,
      uid: pick(fields.uid, this.#global.uid) ?? raw.uid,
      gid: pick(fields.gid, this.#global.gid) ?? raw.gid,
      size: sparse ? (realSize ?? fields.sparse?.size ?? content) : content,
      mtime: mtime ? mtime.seconds : raw.mtime,
      mtimeNsec: mtime ? mtime.nanoseconds : 0,
      linkname: linked ? this.#linkOf(raw, fields) : "",
      uname: pick(fields.uname, this.#global.uname) ?? raw.uname,
      gname: pick(fields.gname, this.#global.gname) ?? raw.gname,
      devmajor: device ? raw.devmajor : 0,
      devminor: device ? raw.devminor : 0,
      headerOffset: 0,
      dataOffset: 0,
      storedSize: 0,
    };
    if (xattrs && xattrs.size > 0) entry.xattrs = xattrs;
    this.#check(entry);
    this.clear();
    return { entry, contentSize: content, sparse };
  }

  #pathOf(raw: RawHeader, fields: PaxFields): string {
    const pax = fields.sparse?.name ?? fields.path ?? undefined;
    return one(pax, this.#longPath, "path") ?? raw.path;
  }

  #linkOf(raw: RawHeader, fields: PaxFields): string {
    return one(fields.linkpath ?? undefined, this.#longLink, "link target") ?? raw.linkname;
  }

  #sparseOf(
    raw: RawHeader,
    fields: PaxFields,
    type: EntryType,
    map?: SparseExtent[],
  ): SparseExtent[] | undefined {
    const pax = fields.sparse;
    if (!pax) return map;
    if (type !== "file" || raw.typeflag === "S")
      throw new StrakeError("TAR_INVALID", "sparse records stand before an entry that cannot have them");
    if (this.hasSparseMapInContent) {
      if (pax.size === undefined) throw new StrakeError("TAR_INVALID", "a sparse file has no real size");
      return map;
    }
    if ((pax.major ?? 0) !== 0 || (pax.minor ?? 0) > 1)
      throw new StrakeError("TAR_UNSUPPORTED", `sparse format ${pax.major}.${pax.minor} is not known`);
    if (pax.size === undefined && pax.map === undefined) return undefined;
    if (pax.size === undefined) throw new StrakeError("TAR_INVALID", "a sparse file has no real size");
    return pax.map ?? [];
  }

  #check(header: EntryHeader): void {
    if (header.path === "") throw new StrakeError("TAR_INVALID", "an entry has no name");
    const limit = this.#limits.pathBytes;
    if (tooLong(header.path, limit) || tooLong(header.linkname, limit))
      throw new StrakeError("TAR_LIMIT", `a path is longer than ${limit} bytes: ${quote(header.path)}`);
    if (header.mode < 0)
      throw new StrakeError("TAR_INVALID", `the mode of ${quote(header.path)} is negative`);
    if (header.uid < 0 || header.uid >= noOwner || header.gid < 0 || header.gid >= noOwner)
      throw new StrakeError(
        "TAR_INVALID",
        `${quote(header.path)} has owner ${header.uid}:${header.gid}, which is not a user and group id`,
      );
    if (
      header.devmajor < 0 ||
      header.devmajor > maxMajor ||
      header.devminor < 0 ||
      header.devminor > maxMinor
    )
      throw new StrakeError(
        "TAR_INVALID",
        `${quote(header.path)} has a device number that Linux does not have`,
      );
    for (const [name, value] of header.xattrs ?? [])
      if (name === "" || tooLong(name, maxXattrName) || value.length > maxXattrValue)
        throw new StrakeError(
          "TAR_LIMIT",
          `an extended attribute of ${quote(header.path)} is too long or has no name`,
        );
  }
}

function typeOf(typeflag: string, path: string): EntryType {
  const type = entryTypes[typeflag];
  if (!type)
    throw new StrakeError("TAR_UNSUPPORTED", `${quote(path)} is of the unknown type ${quote(typeflag)}`);
  // Version 7 had no directories; a trailing slash said it.
  return typeflag === "\0" && path.endsWith("/") ? "directory" : type;
}

/** The local value, else the global one. A local `null` takes the global one back. */
function pick<T>(local: T | null | undefined, global: T | null | undefined): T | undefined {
  return (local === undefined ? global : local) ?? undefined;
}

/** PAX and GNU long names may both be there, but must agree: readers differ in which one wins. */
function one(pax: string | undefined, gnu: string | undefined, what: string): string | undefined {
  if (pax !== undefined && gnu !== undefined && pax !== gnu)
    throw new StrakeError("TAR_INVALID", `PAX and GNU headers give one entry two ${what}s`);
  return pax ?? gnu;
}

function tooLong(text: string, limit: number): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  if (text.length * 3 <= limit) return false;
  return isAscii(text) ? text.length > limit : Buffer.byteLength(text, "utf8") > limit;
}
