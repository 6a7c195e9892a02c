import { StrakeError } from "../errors/index.ts";
import { cleanEntryPath, type Entry, encodePath, quote } from "../tar/index.ts";
import {
  blockSize,
  formatBlock,
  formatChar,
  formatDirectory,
  formatFifo,
  formatFile,
  formatSymlink,
  holeAddress,
  nameMax,
} from "./format.ts";
import { type FinishOptions, type IndexSize, type LayerIndex, writeImage } from "./image.ts";
import { type InodeFields, InodeTable } from "./inode-table.ts";
import { NameTable } from "./name-table.ts";
import { heapMemory, type TableMemory } from "./table-memory.ts";
import { XattrTable } from "./xattr-table.ts";

/** Linux's PATH_MAX without the final NUL, for names and symlink targets. */
const pathMax = 4095;

/** Directories a path of that length can go through. */
const depthMax = 2048;

/** Symlinks followed on the way to one entry, as Linux (path_resolution(7)). */
const linkMax = 40;

/** Paths of directories remembered at once. */
const directoriesKept = 10_000;

const whiteoutPrefix = ".wh.";
/** Names AUFS kept for itself; engines that unpack skip them (`.wh..wh.plnk`, `.wh..wh.aufs`). */
const aufsPrefix = ".wh..wh.";
const opaqueMarker = ".wh..wh..opq";

const implicitFields: InodeFields = { mode: 0o755, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
const whiteoutFields: InodeFields = { mode: 0, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };

const root = 0;

/**
 * Takes the entries of one layer's tar in their order and makes its index (DESIGN.md 1). What two entries of one name
 * come to is what unpacking them one after the other would leave (containerd's and Docker's rule): the last one wins,
 * a directory over a directory keeps the children and takes the new metadata, anything else replaces what was there
 * with all below it. Whiteouts speak about lower layers only (OCI image-spec, layer.md): an entry of the same layer
 * beats a whiteout of its name wherever it stands; a directory with one becomes opaque.
 *
 * Nothing here touches a file system: a path that leads through a symlink is followed inside the layer, where `..`
 * and absolute targets end at its root.
 *
 * Errors: `LAYER_ENTRY_INVALID` for entries no unpacking could make sense of, `EROFS_LIMIT` for what the format cannot
 * hold, `TAR_INVALID`/`TAR_LIMIT` for hostile names (see `cleanEntryPath`).
 */
export class IndexBuilder {
  readonly #memory: TableMemory;
  readonly #inodes: InodeTable;
  readonly #names: NameTable;
  readonly #xattrs = new XattrTable();
  /**
   * Directories by the path they were reached with, those met last; emptied whenever a replacement may change where one leads.
   */
  readonly #directories = new Map<string, number>();
  /** The one 0:0 device all whiteouts of the layer are names of. */
  #whiteout = -1;

  /** `memory`: for the tables, some 100 bytes an entry; it is the caller's, to be freed when the index is written or given up. */
  constructor(memory: TableMemory = heapMemory) {
    this.#memory = memory;
    this.#inodes = new InodeTable(memory);
    this.#names = new NameTable(memory);
    this.#inodes.add(formatDirectory, implicitFields);
  }

  add(entry: Entry): void {
    const path = cleanEntryPath(entry.path);
    if (path === "/") {
      this.#describeRoot(entry);
      return;
    }
    if (path.length * 3 > pathMax && encodePath(path).length - 1 > pathMax)
      throw new StrakeError(
        "EROFS_LIMIT",
        `a path in the layer is longer than ${pathMax} bytes: ${quote(path)}`,
      );
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    const parentPath = path.slice(0, slash);
    if (path.includes("/.wh.") && this.#addSpecial(parentPath, name, path)) return;
    const directory = this.#directory(parentPath, path);
    if (entry.type === "hardlink") this.#addHardlink(directory, name, entry);
    else this.#place(directory, name, entry, path);
  }

  /** Handles names that are not entries of their own: whiteouts, opaque markers, AUFS's files. False for any other. */
  #addSpecial(parentPath: string, name: string, path: string): boolean {
    if (isAufsPath(parentPath)) return true;
    if (name === opaqueMarker) this.#hideLower(this.#directory(parentPath, path));
    else if (name.startsWith(aufsPrefix)) return true;
    else if (name.startsWith(whiteoutPrefix))
      this.#addWhiteout(parentPath, name.slice(whiteoutPrefix.length), path);
    else return false;
    return true;
  }

  /** The index of what was added. The builder must not be used afterwards. */
  finish(options: FinishOptions = {}): LayerIndex {
    const pieces: Uint8Array[] = [];
    const { size, inodes } = this.write((bytes) => void pieces.push(bytes.slice()), options);
    const image = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      image.set(piece, at);
      at += piece.length;
    }
    return { image, size, inodes };
  }

  /**
   * As `finish`, the index handed to `write` from its first byte to its last in pieces that are good until `write` returns: that of
   * many files is never in memory as a whole.
   */
  write(write: (bytes: Uint8Array) => void, options: FinishOptions = {}): IndexSize {
    const tables = {
      inodes: this.#inodes,
      names: this.#names,
      xattrs: this.#xattrs,
      memory: this.#memory,
    };
    return writeImage(tables, options, write);
  }

  /** A layer's root that is not a directory would swap the whole tree for a symlink (CVE-2021-29136). */
  #describeRoot(entry: Entry): void {
    if (entry.type !== "directory")
      throw invalid(`the layer's root is a ${entry.type}, not a directory`, entry.path);
    this.#describe(root, entry, entry.path);
  }

  #place(directory: number, name: string, entry: Entry, path: string): void {
    const inodes = this.#inodes;
    const old = this.#names.find(directory, name);
    if (entry.type === "directory" && old >= 0 && inodes.isDirectory(old)) {
      this.#describe(old, entry, path);
      return;
    }
    const made = this.#add(entry, path);
    if (entry.type === "directory") this.#settle(made, directory, path);
    if (old >= 0) this.#replaced(old, made);
    this.#names.set(directory, name, made);
  }

  /** A directory over a whiteout is a new directory: what lower layers have below that name stays hidden. */
  #replaced(old: number, made: number): void {
    if (old === this.#whiteout) {
      if (this.#inodes.isDirectory(made)) this.#inodes.opaque[made] = 1;
    } else if (this.#inodes.isDirectory(old) || this.#inodes.isSymlink(old)) this.#directories.clear();
  }

  /**
   * A hardlink is one more name of an inode that an earlier entry of this layer made; its own owner, mode and time say
   * nothing new (tools leave them empty, so they are not applied). The target's last component is not followed: a link
   * to a symlink is a name of the symlink (CVE-2021-32760).
   */
  #addHardlink(directory: number, name: string, entry: Entry): void {
    const inodes = this.#inodes;
    const target = cleanEntryPath(entry.linkname);
    const slash = target.lastIndexOf("/");
    const holder = this.#walk(target.slice(0, slash), false, entry.path);
    const inode = holder === undefined ? -1 : this.#names.find(holder, target.slice(slash + 1));
    if (inode < 0 || inode === this.#whiteout)
      throw invalid(
        `the hardlink ${quote(entry.path)} points to ${quote(entry.linkname)}, which no earlier entry of the layer made`,
        undefined,
        "a hardlink cannot reach into another layer; the layer is damaged or was cut",
      );
    if (inodes.isDirectory(inode))
      throw invalid(`the hardlink ${quote(entry.path)} points to the directory ${quote(entry.linkname)}`);
    const old = this.#names.find(directory, name);
    if (old >= 0 && old !== inode) this.#replaced(old, inode);
    this.#names.set(directory, name, inode);
  }

  #addWhiteout(parentPath: string, name: string, path: string): void {
    // `.wh.`, `.wh..` and `.wh...` would remove the directory itself or its parent (GHSA rows of boxlite).
    if (name === "" || name === "." || name === "..")
      throw invalid(`the whiteout ${quote(path)} names no entry`);
    const inodes = this.#inodes;
    const directory = this.#directory(parentPath, path);
    const old = this.#names.find(directory, name);
    if (old >= 0) {
      if (inodes.isDirectory(old)) this.#hideLower(old);
      return;
    }
    if (this.#whiteout < 0) this.#whiteout = inodes.add(formatChar, whiteoutFields);
    this.#names.set(directory, name, this.#whiteout);
  }

  #hideLower(directory: number): void {
    this.#inodes.opaque[directory] = 1;
  }

  /** The directory an entry goes into, made with its parents where missing (0755, root, time 0). */
  #directory(path: string, entryPath: string): number {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const directory = this.#walk(path, true, entryPath)!;
    if (this.#directories.size === directoriesKept) this.#directories.clear();
    this.#directories.set(path, directory);
    return directory;
  }

  #walk(path: string, create: boolean, entryPath: string): number | undefined {
    const inodes = this.#inodes;
    const ahead = path.split("/").reverse();
    let directory = root;
    let links = 0;
    while (ahead.length > 0) {
      const name = ahead.pop()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        directory = inodes.parent[directory]!;
        continue;
      }
      let next = this.#names.find(directory, name);
      if (next < 0 || next === this.#whiteout) {
        if (!create) return undefined;
        next = this.#makeMissing(directory, name, next >= 0, entryPath);
      } else if (inodes.isSymlink(next)) {
        if (++links > linkMax)
          throw invalid(`more than ${linkMax} symlinks on the way to ${quote(entryPath)}`);
        const target = inodes.target(next);
        if (target.startsWith("/")) directory = root;
        for (const part of target.split("/").reverse()) ahead.push(part);
        continue;
      } else if (!inodes.isDirectory(next)) {
        if (!create) return undefined;
        throw invalid(`${quote(name)} on the way to ${quote(entryPath)} is not a directory`);
      }
      directory = next;
    }
    return directory;
  }

  #makeMissing(directory: number, name: string, overWhiteout: boolean, entryPath: string): number {
    // Checked for entry names already, not for what a symlink's target asks for.
    if (name.startsWith(whiteoutPrefix)) throw invalid(`${quote(entryPath)} goes through a whiteout's name`);
    if (name.length * 3 > nameMax && encodePath(name).length > nameMax)
      throw new StrakeError(
        "EROFS_LIMIT",
        `a directory's name is longer than ${nameMax} bytes: ${quote(name)}`,
      );
    const made = this.#inodes.add(formatDirectory, implicitFields);
    this.#settle(made, directory, entryPath);
    if (overWhiteout) this.#inodes.opaque[made] = 1;
    this.#names.set(directory, name, made);
    return made;
  }

  /** Symlinks can pile up a nesting that no single path has; deeper than a path can reach it is of no use to anyone. */
  #settle(made: number, parent: number, path: string): void {
    const inodes = this.#inodes;
    if (inodes.depth[parent]! >= depthMax)
      throw new StrakeError(
        "EROFS_LIMIT",
        `directories are nested more than ${depthMax} deep at ${quote(path)}`,
      );
    inodes.parent[made] = parent;
    inodes.depth[made] = inodes.depth[parent]! + 1;
  }

  #add(entry: Entry, path: string): number {
    const inodes = this.#inodes;
    const inode = inodes.add(formats[entry.type], entry);
    switch (entry.type) {
      case "file":
        inodes.size[inode] = entry.size;
        inodes.data[inode] = firstBlock(entry, path);
        if (entry.sparse) inodes.sparse.set(inode, { path, extents: entry.sparse });
        else if (entry.storedSize !== entry.size)
          throw invalid(`${quote(path)} is ${entry.size} bytes but stores ${entry.storedSize}`);
        break;
      case "symlink":
        inodes.setTarget(inode, checkTarget(entry.linkname, path));
        break;
      case "char":
      case "block":
        inodes.data[inode] = encodeDevice(entry, path);
    }
    this.#describe(inode, entry, path);
    return inode;
  }

  #describe(inode: number, entry: Entry, path: string): void {
    if (entry.uid > 0xfffffffe || entry.gid > 0xfffffffe || entry.uid < 0 || entry.gid < 0)
      throw new StrakeError(
        "EROFS_LIMIT",
        `${quote(path)} belongs to ${entry.uid}:${entry.gid}; ids go up to 4294967294`,
      );
    this.#inodes.describe(inode, entry);
    this.#inodes.xattrs[inode] = entry.xattrs ? this.#xattrs.intern(entry.xattrs, path) : 0;
  }
}

const formats = {
  file: formatFile,
  hardlink: formatFile,
  directory: formatDirectory,
  symlink: formatSymlink,
  char: formatChar,
  block: formatBlock,
  fifo: formatFifo,
} as const;

function checkTarget(target: string, path: string): string {
  if (target === "" || target.includes("\0"))
    throw invalid(`the symlink ${quote(path)} has an empty target or NUL in it`);
  if (target.length * 3 > pathMax && encodePath(target).length > pathMax)
    throw new StrakeError(
      "EROFS_LIMIT",
      `the target of the symlink ${quote(path)} is longer than ${pathMax} bytes`,
    );
  return target;
}

/** The format counts blocks in 32 bits, of which all ones mean a hole. */
function firstBlock(entry: Entry, path: string): number {
  const block = entry.dataOffset / blockSize;
  if (!Number.isInteger(block))
    throw invalid(`the content of ${quote(path)} does not start at a block of the tar`);
  if (block + Math.ceil(entry.storedSize / blockSize) > holeAddress)
    throw new StrakeError("EROFS_LIMIT", `${quote(path)} lies behind the first 2 TiB of the layer's tar`);
  return block;
}

/** Linux keeps 12 bits of major and 20 of minor; the on-disk form is the kernel's `new_encode_dev`. */
function encodeDevice(entry: Entry, path: string): number {
  const { devmajor: major, devminor: minor } = entry;
  if (!(major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff))
    throw new StrakeError(
      "EROFS_LIMIT",
      `the device ${quote(path)} has the number ${major}:${minor}; at most 4095:1048575`,
    );
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** Below a name AUFS kept for itself (skipped), or below a whiteout's name (which can have nothing below it). */
function isAufsPath(parentPath: string): boolean {
  if (!parentPath.includes("/.wh.")) return false;
  for (const name of parentPath.split("/")) {
    if (name.startsWith(aufsPrefix) && name !== opaqueMarker) return true;
    if (name.startsWith(whiteoutPrefix))
      throw invalid(`the layer has an entry below the whiteout ${quote(parentPath)}`);
  }
  return false;
}

function invalid(message: string, path?: string, hint?: string): StrakeError {
  return new StrakeError(
    "LAYER_ENTRY_INVALID",
    path === undefined ? message : `${message} (${quote(path)})`,
    { hint },
  );
}
