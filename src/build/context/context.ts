import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs";
import type { IgnoreMatcher } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { ContextStamps } from "../../store/index.ts";
import { fromNodeError, nodePath } from "../../sys/index.ts";
import { decodePath } from "../../tar/index.ts";
import type { CopySource, OpenFile, SourceNode, SourceType } from "../copy/source.ts";

/** A file of a build context as lstat saw it. */
export interface ContextNode extends SourceNode {
  readonly stats: Stats;
}

interface Child {
  readonly name: string;
  readonly node: ContextNode;
}

export interface ContextOptions {
  readonly ignore?: IgnoreMatcher;
  /** Text for the error about a path that the ignore file hides, for example `.dockerignore`. */
  readonly ignoreFile?: string;
  /** Digests of files as they were at earlier builds. */
  readonly stamps?: Pick<ContextStamps, "get" | "set">;
}

/** Symlinks followed for one path, as Linux. */
const linkMax = 40;

/**
 * A folder of the host as the source of a copy. Every path is resolved component by component inside the folder: an absolute
 * symlink starts at its root and `..` stops there, so no link and no path leads out. Every file is looked at once per
 * build, with lstat.
 */
export class BuildContext implements CopySource<ContextNode> {
  readonly root: string;
  readonly #ignore: IgnoreMatcher | undefined;
  readonly #ignoreFile: string;
  readonly #stamps: ContextOptions["stamps"];
  readonly #learned = new Map<string, Digest>();
  /** Before any lstat, so that what is read later cannot be older than what lstat said. */
  readonly #startMs = Date.now();
  readonly #nodes = new Map<string, ContextNode | undefined>();
  readonly #children = new Map<string, Child[]>();

  /** `root` as `rootOf` gives it. */
  constructor(root: string, options: ContextOptions = {}) {
    this.root = root;
    this.#ignore = options.ignore;
    this.#ignoreFile = options.ignoreFile ?? ".dockerignore";
    this.#stamps = options.stamps;
  }

  /** The folder without symlinks. Throws BUILD_CONTEXT when it is none. */
  static rootOf(folder: string): string {
    return realRoot(folder);
  }

  resolve(path: string, follow: boolean): { path: string; node: ContextNode | undefined } {
    const ahead = path.split("/").reverse();
    const names: string[] = [];
    let node: ContextNode | undefined = this.#nodeAt("/");
    for (let links = 0; ahead.length > 0; ) {
      const name = ahead.pop()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        names.pop();
        node = this.#nodeAt(`/${names.join("/")}`);
        continue;
      }
      const at = `/${[...names, name].join("/")}`;
      const next: ContextNode | undefined = node?.type === "directory" ? this.#nodeAt(at) : undefined;
      if (next?.type === "symlink" && (follow || ahead.length > 0)) {
        if (++links > linkMax)
          throw new StrakeError("BUILD_COPY_SOURCE", `too many levels of symbolic links: ${path}`);
        const target = this.readlink(at);
        if (target.startsWith("/")) names.length = 0;
        node = this.#nodeAt(`/${names.join("/")}`);
        ahead.push(...target.split("/").reverse());
        continue;
      }
      names.push(name);
      node = next;
    }
    const resolved = `/${names.join("/")}`;
    if (node && this.#isIgnored(resolved, node)) node = undefined;
    return { path: resolved, node };
  }

  children(path: string): Child[] {
    const known = this.#children.get(path);
    if (known) return known;
    const host = this.#hostPath(path);
    const prefix = path === "/" ? "/" : `${path}/`;
    const children: Child[] = [];
    for (const name of listNames(host)) {
      const at = prefix + name;
      const node = this.#nodeAt(at);
      if (node && !this.#isIgnored(at, node)) children.push({ name, node });
    }
    this.#children.set(path, children);
    return children;
  }

  readlink(path: string): string {
    return decodePath(readlinkSync(nodePath(this.#hostPath(path)), { encoding: "buffer" }));
  }

  /** Extended attributes of the host are not part of a context: they differ between machines and checkouts. */
  xattrs(): undefined {
    return undefined;
  }

  open(path: string, node: ContextNode): OpenFile {
    let fd: number;
    try {
      // A name that became a symlink since the scan must not be followed, and a fifo must not block.
      fd = openSync(
        nodePath(this.#hostPath(path)),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
    } catch (error) {
      throw fromNodeError(
        error,
        "the file may have been replaced while it was being copied; run the build again",
      );
    }
    const now = fstatSync(fd);
    if (!now.isFile()) {
      closeSync(fd);
      throw changed(path);
    }
    // What is read now is not what the scan saw: nothing may be learnt about the scanned file from it.
    if (!isSame(node.stats, now)) this.#nodes.set(path, nodeOf(now));
    return {
      size: now.size,
      read: (target, offset) => readSync(fd, target, 0, target.length, offset),
      close: () => closeSync(fd),
    };
  }

  knownDigest(path: string, node: ContextNode): Digest | undefined {
    // What changed under our hands since the scan is read again.
    if (this.#nodes.get(path) !== node) return undefined;
    return this.#learned.get(path) ?? this.#stamps?.get(path, node.stats);
  }

  learnDigest(path: string, node: ContextNode, digest: Digest): void {
    if (this.#nodes.get(path) !== node) return;
    this.#learned.set(path, digest);
    this.#stamps?.set(path, node.stats, digest, this.#startMs);
  }

  ignoredBecause(path: string): string | undefined {
    const node = this.#nodeAt(path);
    if (!node || !this.#isIgnored(path, node)) return undefined;
    return `it is there, but ${this.#ignoreFile} excludes it`;
  }

  #nodeAt(path: string): ContextNode | undefined {
    if (this.#nodes.has(path)) return this.#nodes.get(path);
    const stats = lstatSync(nodePath(this.#hostPath(path)), { throwIfNoEntry: false });
    const node = stats && nodeOf(stats);
    this.#nodes.set(path, node);
    return node;
  }

  /** An ignored directory still counts when something below it was taken in again. */
  #isIgnored(path: string, node: ContextNode): boolean {
    if (!this.#ignore || path === "/") return false;
    const relative = path.slice(1);
    if (!this.#ignore.ignored(relative)) return false;
    if (node.type !== "directory" || this.#ignore.canSkipDirectory(relative)) return true;
    return this.children(path).length === 0;
  }

  #hostPath(path: string): string {
    return path === "/" ? this.root : this.root === "/" ? path : this.root + path;
  }
}

function realRoot(folder: string): string {
  let root: string;
  try {
    root = realpathSync(folder);
    if (lstatSync(root).isDirectory()) return root;
  } catch (error) {
    throw new StrakeError("BUILD_CONTEXT", `the build context ${folder} cannot be read`, { cause: error });
  }
  throw new StrakeError("BUILD_CONTEXT", `the build context ${folder} is not a folder`);
}

/** Names of a folder, sorted. Node replaces bytes that are not UTF-8; then the bytes are asked for. */
function listNames(host: string): string[] {
  try {
    const path = nodePath(host);
    const names = readdirSync(path);
    const decoded = names.some((name) => name.includes("\ufffd"))
      ? readdirSync(path, { encoding: "buffer" }).map((name) => decodePath(Buffer.from(name)))
      : names;
    return decoded.sort();
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Undefined for sockets, which no archive can carry. Files of a context belong to root, whoever owns them on the host. */
function nodeOf(stats: Stats): ContextNode | undefined {
  const type = typeOf(stats);
  if (!type) return undefined;
  const isDevice = type === "char" || type === "block";
  return {
    type,
    mode: stats.mode & 0o7777,
    uid: 0,
    gid: 0,
    size: type === "file" ? stats.size : 0,
    mtime: Math.floor(stats.mtimeMs / 1000),
    devmajor: isDevice ? (stats.rdev >> 8) & 0xfff : 0,
    devminor: isDevice ? (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00) : 0,
    stats,
  };
}

const formats: Readonly<Record<number, SourceType>> = {
  [constants.S_IFREG]: "file",
  [constants.S_IFDIR]: "directory",
  [constants.S_IFLNK]: "symlink",
  [constants.S_IFCHR]: "char",
  [constants.S_IFBLK]: "block",
  [constants.S_IFIFO]: "fifo",
};

function typeOf(stats: Stats): SourceType | undefined {
  return formats[stats.mode & constants.S_IFMT];
}

function isSame(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.dev === b.dev
  );
}

function changed(path: string): StrakeError {
  return new StrakeError("BUILD_CONTEXT_CHANGED", `${path.slice(1)} was replaced while it was being copied`, {
    hint: "run the build again when nothing writes to the context",
  });
}
