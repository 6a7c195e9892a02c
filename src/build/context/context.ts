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
} from "node:fs";
import type { IgnoreMatcher } from "../../dockerfile/index.ts";
import type { TableMemory } from "../../erofs/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { ContextStamps } from "../../store/index.ts";
import { Collections, FolderStats, fromNodeError, nodePath, PackedNames } from "../../sys/index.ts";
import { decodePath } from "../../tar/index.ts";
import { baseName, parentOf } from "../copy/destination.ts";
import type { SourceMatch } from "../copy/match.ts";
import type { CopySource, OpenFile } from "../copy/source.ts";
import { ContextNode, isCopyable } from "./context-node.ts";
import { Fingerprint } from "./fingerprint.ts";
import { FolderLists, type Listing, namesOf, rowOf } from "./folder-list.ts";
import type { WeightLimits } from "./large-context.ts";
import { ScanRows } from "./scan-rows.ts";
import type { FolderWeight } from "./weight.ts";

interface Child {
  readonly name: string;
  readonly node: ContextNode;
}

export interface ContextOptions {
  readonly ignore?: IgnoreMatcher;
  /** Text for the error about a path that the ignore file hides, for example `.dockerignore`. */
  readonly ignoreFile?: string;
  /** Loads the digests of files as they were at earlier builds; called when the first one is wanted. */
  readonly stamps?: () => Pick<ContextStamps, "get" | "set">;
  /** For what is known of each file; must stay open as long as the context is used. */
  readonly memory?: TableMemory;
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
  readonly #stamps: () => Pick<ContextStamps, "get" | "set"> | undefined;
  /** Before any lstat, so that what is read later cannot be older than what lstat said. */
  readonly #startMs = Date.now();
  readonly #rows: ScanRows;
  /** Paths that were asked for by name; what a folder holds is in `#listings`. */
  readonly #nodes = new Map<string, ContextNode | undefined>();
  /** Folders of these paths, listed or not. */
  readonly #askedIn = new Set<string>();
  readonly #listings = new Map<string, Listing>();
  readonly #lists: FolderLists;
  readonly #collections = new Collections({ every: 16_000, fullEvery: 8 });

  /** `root` as `rootOf` gives it. */
  constructor(root: string, options: ContextOptions = {}) {
    this.root = root;
    this.#ignore = options.ignore;
    this.#ignoreFile = options.ignoreFile ?? ".dockerignore";
    this.#rows = new ScanRows(options.memory);
    this.#lists = new FolderLists(options.memory);
    this.#stamps = options.stamps ?? (() => undefined);
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

  /** Names in a directory, sorted, without what is ignored. Of a large one never all are at hand at once. */
  *children(path: string): Generator<Child, void, undefined> {
    const listing = this.#list(path);
    for (let i = 0; i < listing.length; i++) {
      const names = namesOf(listing[i]!);
      for (let at = 0; at < names.length; at++)
        yield { name: names[at]!, node: new ContextNode(this.#rows, rowOf(listing[i]!, at)) };
    }
  }

  #list(path: string): Listing {
    const known = this.#listings.get(path);
    if (known) return known;
    const listing = this.#scan(path);
    this.#listings.set(path, listing);
    return listing;
  }

  #scan(path: string): Listing {
    const list = this.#lists.begin();
    const prefix = path === "/" ? "/" : `${path}/`;
    const host = this.#hostPath(path);
    const isAsked = this.#askedIn.has(path);
    const ignore = this.#ignore;
    const folder = openFolder(host);
    const rows = this.#rows;
    try {
      folder.lookAll(listNames(host), (name) => {
        this.#collections.passed(1);
        if (!isCopyable(folder.mode)) return;
        const row = (isAsked ? this.#nodes.get(prefix + name)?.row : undefined) ?? rows.add(folder);
        if (!ignore || !this.#isIgnored(prefix + name, new ContextNode(rows, row))) list.add(name, row);
      });
    } finally {
      folder.close();
    }
    return list.end();
  }

  readlink(path: string): string {
    return decodePath(readlinkSync(nodePath(this.#hostPath(path)), { encoding: "buffer" }));
  }

  /** Extended attributes of the host are not part of a context: they differ between machines and checkouts. */
  xattrs(): undefined {
    return undefined;
  }

  open(path: string, node: ContextNode, { verify }: { readonly verify: boolean }): OpenFile {
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
    let { size } = node;
    let unchanged = true;
    if (verify) {
      const now = fstatSync(fd);
      if (!now.isFile()) {
        closeSync(fd);
        throw changed(path);
      }
      ({ size } = now);
      unchanged = this.#rows.isSame(node.row, now);
    }
    return {
      size,
      unchanged,
      read: (target, offset) => readSync(fd, target, 0, target.length, offset),
      close: () => closeSync(fd),
    };
  }

  knownDigest(path: string, node: ContextNode): Digest | undefined {
    return this.#stamps()?.get(path, node);
  }

  /**
   * The stamp is older than the reading, so a file that changed in between has another one at the next build, unless it did so
   * within one tick of the clock: such young files are not kept (ContextStamps.set).
   */
  learnDigest(path: string, node: ContextNode, digest: Digest): void {
    this.#stamps()?.set(path, node, digest, this.#startMs);
  }

  /**
   * A digest over names and lstat of everything below what they name: equal ones mean equal contents. Undefined when a path is
   * missing, or a file is so young that it may change again without a trace.
   */
  fingerprint(matches: Iterable<SourceMatch<ContextNode>>): Digest | undefined {
    const print = new Fingerprint(this.#rows);
    const times = { newest: 0 };
    for (const { path, from, node } of matches) {
      if (!node) return undefined;
      this.#collections.passed(1);
      print.add(path, node.row);
      if (node.type === "directory") this.#printFolder(print, from, times);
      else this.#see(node.row, times);
    }
    // The grain of the coarsest clocks: see ContextStamps.
    const grain = Number.isInteger(times.newest / 1000) ? 2000 : 20;
    return times.newest > this.#startMs - grain ? undefined : print.digest();
  }

  /** Everything below a folder. `times` learns of the latest time of anything but a directory, milliseconds since the epoch. */
  #printFolder(print: Fingerprint, path: string, times: { newest: number }): void {
    const listing = this.#list(path);
    for (const part of listing) {
      print.addPart(part);
      this.#collections.passed(part.count);
      this.#rows.memory.release();
    }
    print.leave();
    for (const part of listing) {
      let names: readonly string[] | undefined;
      for (let i = 0; i < part.count; i++) {
        const row = rowOf(part, i);
        if ((this.#rows.mode(row) & constants.S_IFMT) !== constants.S_IFDIR) {
          this.#see(row, times);
          continue;
        }
        names ??= namesOf(part);
        this.#printFolder(print, `${path === "/" ? "" : path}/${names[i]!}`, times);
      }
    }
  }

  #see(row: number, times: { newest: number }): void {
    times.newest = Math.max(times.newest, this.#rows.mtimeMs(row), this.#rows.ctimeMs(row));
  }

  /** Cheap, and never too small: what was looked at until now, ignored files too. */
  get looked(): WeightLimits {
    return { files: this.#rows.count, bytes: this.#rows.bytes };
  }

  /** What was listed until now, folder by folder; files of more than `large` bytes are told by themselves. */
  *weights(large: number): Generator<FolderWeight> {
    for (const path of this.#listings.keys()) {
      let files = 0;
      let bytes = 0;
      let looked = 0;
      for (const { name, node } of this.children(path)) {
        if (looked++ % 512 === 0) this.#rows.memory.release();
        this.#collections.passed(1);
        const { type, size } = node;
        if (type === "directory") continue;
        if (size > large) yield { path: `${path === "/" ? "" : path}/${name}`, files: 1, bytes: size };
        else {
          files++;
          bytes += size;
        }
      }
      yield { path, files, bytes };
    }
  }

  ignoredBecause(path: string): string | undefined {
    const node = this.#nodeAt(path);
    if (!node || !this.#isIgnored(path, node)) return undefined;
    return `it is there, but ${this.#ignoreFile} excludes it`;
  }

  #nodeAt(path: string): ContextNode | undefined {
    if (this.#nodes.has(path)) return this.#nodes.get(path);
    const listed = this.#listed(path);
    // Of a listed folder very many files may be asked for.
    if (listed && listed.type !== "directory") return listed;
    const node = listed ?? this.#look(path);
    this.#nodes.set(path, node);
    if (path !== "/") this.#askedIn.add(parentOf(path));
    return node;
  }

  /** What a folder that was listed already has under this name. */
  #listed(path: string): ContextNode | undefined {
    const listing = path === "/" ? undefined : this.#listings.get(parentOf(path));
    const row = listing && this.#lists.find(listing, baseName(path));
    return row === undefined ? undefined : new ContextNode(this.#rows, row);
  }

  #look(path: string): ContextNode | undefined {
    const stats = lstatSync(nodePath(this.#hostPath(path)), { throwIfNoEntry: false });
    return stats && isCopyable(stats.mode) ? new ContextNode(this.#rows, this.#rows.add(stats)) : undefined;
  }

  /** An ignored directory still counts when something below it was taken in again. */
  #isIgnored(path: string, node: ContextNode): boolean {
    if (!this.#ignore || path === "/") return false;
    const relative = path.slice(1);
    if (!this.#ignore.ignored(relative)) return false;
    if (node.type !== "directory" || this.#ignore.canSkipDirectory(relative)) return true;
    return this.#list(path).length === 0;
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

function openFolder(host: string): FolderStats {
  try {
    return new FolderStats(host);
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Names of a folder, sorted. Node replaces bytes that are not UTF-8; then the bytes are asked for. */
function listNames(host: string): Iterable<string> {
  try {
    const path = nodePath(host);
    const many = typeof path === "string" ? PackedNames.ofLarge(path) : undefined;
    if (many?.isAscii) {
      many.sort();
      return many.latin1();
    }
    const names = readdirSync(path);
    const decoded = names.some((name) => name.includes("\ufffd"))
      ? readdirSync(path, { encoding: "buffer" }).map((name) => decodePath(Buffer.from(name)))
      : names;
    return decoded.sort();
  } catch (error) {
    throw fromNodeError(error);
  }
}

function changed(path: string): StrakeError {
  return new StrakeError("BUILD_CONTEXT_CHANGED", `${path.slice(1)} was replaced while it was being copied`, {
    hint: "run the build again when nothing writes to the context",
  });
}
