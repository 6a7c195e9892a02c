import { ftruncateSync } from "node:fs";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import {
  closeFd,
  fromNodeError,
  linkAt,
  mkdirAt,
  openAt,
  openDirectory,
  openFlags,
  resolveFlags,
} from "../../sys/index.ts";
import {
  type Attributes,
  applyToOpen,
  makeFile,
  makeSpecial,
  makeSymlink,
  openChildDirectory,
  type Place,
  writeAll,
} from "./make.ts";
import { processRights, type Rights } from "./rights.ts";
import type { Source, SourceNode } from "./source.ts";

export interface ExtractOptions {
  readonly signal?: AbortSignal;
  readonly rights?: Rights;
  /** Name an extended attribute gets on disk; undefined leaves it out. Default: its own. */
  readonly xattrName?: (name: string) => string | undefined;
}

/** As many nodes are made between two looks at the signal and at whatever else the process has to do. */
const nodesPerTurn = 512;
const chunkSize = 1 << 20;

/**
 * Makes everything of `source` inside `directory`, an existing empty directory, which itself becomes the source's root.
 * Not atomic: callers extract into a temporary directory and rename it. Nothing outside the directory can be written,
 * whatever the source holds: names are single components, parents are held open, nothing is followed.
 *
 * Errors: CANCELED, SYS_*, EROFS_INVALID for a damaged layer.
 */
export async function extractTree<Node extends SourceNode>(
  source: Source<Node>,
  directory: string,
  options: ExtractOptions = {},
): Promise<void> {
  const root = openDirectory(directory);
  try {
    const extraction = new Extraction(source, root, options);
    const fd = openAt(root, ".", { flags: openFlags.readOnly | openFlags.directory });
    try {
      await extraction.fillDirectory(fd, source.root, "");
    } finally {
      closeFd(fd);
    }
  } finally {
    closeFd(root);
  }
}

class Extraction<Node extends SourceNode> {
  readonly #source: Source<Node>;
  readonly #root: number;
  readonly #options: ExtractOptions;
  readonly #rights: Rights;
  /** First name of each inode that has more than one. */
  readonly #links = new Map<string | number, string>();
  #made = 0;
  #chunk: Uint8Array | undefined;

  constructor(source: Source<Node>, root: number, options: ExtractOptions) {
    this.#source = source;
    this.#root = root;
    this.#options = options;
    this.#rights = options.rights ?? processRights();
  }

  async fillDirectory(fd: number, node: Node, path: string): Promise<void> {
    for (const child of this.#source.children(node)) {
      if (++this.#made % nodesPerTurn === 0) await nextTurn();
      throwIfAborted(this.#options.signal);
      checkName(child.name);
      const place = { directory: fd, name: child.name };
      const childPath = `${path}/${child.name}`;
      if (child.node.type === "directory") await this.#makeDirectory(place, child.node, childPath);
      else this.#makeLeaf(place, child.node, childPath);
    }
    // Last, because making children changes a directory's mtime.
    applyToOpen(fd, this.#attributes(node), this.#rights);
  }

  async #makeDirectory(place: Place, node: Node, path: string): Promise<void> {
    mkdirAt(place.directory, place.name, 0o700);
    const fd = openChildDirectory(place);
    try {
      await this.fillDirectory(fd, node, path);
    } finally {
      closeFd(fd);
    }
  }

  #makeLeaf(place: Place, node: Node, path: string): void {
    if (node.nlink > 1 && this.#linkToFirst(place, node, path)) return;
    const attributes = this.#attributes(node);
    if (node.type === "file") makeFile(place, attributes, this.#rights, (fd) => this.#fillFile(fd, node));
    else if (node.type === "symlink")
      makeSymlink(place, attributes, this.#source.readlink(node), this.#rights);
    else makeSpecial(place, attributes, this.#rights);
  }

  #linkToFirst(place: Place, node: Node, path: string): boolean {
    const key = this.#source.key(node);
    const first = this.#links.get(key);
    if (first === undefined) {
      this.#links.set(key, path);
      return false;
    }
    const slash = first.lastIndexOf("/");
    const parent = openAt(this.#root, `.${first.slice(0, slash)}`, {
      flags: openFlags.path | openFlags.directory,
      resolve: resolveFlags.beneath | resolveFlags.noSymlinks,
    });
    try {
      linkAt(parent, first.slice(slash + 1), place.directory, place.name);
    } finally {
      closeFd(parent);
    }
    return true;
  }

  #fillFile(fd: number, node: Node): void {
    this.#chunk ??= new Uint8Array(chunkSize);
    let written = 0;
    // Only what the layer holds is written: a sparse file's size may be far beyond the disk's.
    for (const { fileOffset, length } of this.#source.extents(node)) {
      const end = Math.min(fileOffset + length, node.size);
      for (let at = fileOffset; at < end; at += chunkSize) {
        const bytes = this.#chunk.subarray(0, Math.min(chunkSize, end - at));
        this.#source.read(node, at, bytes);
        writeAll(fd, bytes, at);
      }
      written = end;
    }
    if (written < node.size) truncate(fd, node.size);
  }

  #attributes(node: Node): Attributes {
    const { type, mode, uid, gid, size, mtime, mtimeNsec, nlink, devmajor, devminor } = node;
    const xattrs = this.#renamed(this.#source.xattrs(node));
    return { type, mode, uid, gid, size, mtime, mtimeNsec, nlink, devmajor, devminor, xattrs };
  }

  #renamed(xattrs: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
    const { xattrName } = this.#options;
    if (xattrName === undefined || xattrs.size === 0) return xattrs;
    const renamed = new Map<string, Uint8Array>();
    for (const [name, value] of xattrs) {
      const kept = xattrName(name);
      if (kept !== undefined) renamed.set(kept, value);
    }
    return renamed;
  }
}

/** An index is made by us from checked names; this holds also for one that was damaged or forged since. */
function checkName(name: string): void {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0"))
    throw new StrakeError(
      "EROFS_INVALID",
      `a layer's index holds the impossible name ${JSON.stringify(name)}`,
    );
}

function truncate(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
