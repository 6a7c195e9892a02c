import type { Extent } from "../../erofs/index.ts";
import { checkArgument, StrakeError } from "../../errors/index.ts";
import { quote } from "../../tar/index.ts";
import { fillRange, streamRange } from "./content.ts";
import { LayerFiles, type LayerPaths } from "./layer-files.ts";
import { isOpaque, listNames, lookupName, Merger } from "./merge.ts";
import type { Node, TreeEntry } from "./node.ts";
import { type Lookups, type Resolved, resolvePath } from "./resolve.ts";

/** Deeper than any path Linux can name; an index that is a circle ends here. */
const depthMax = 2048;

/** Extended attributes that are overlayfs's own, not the image's. */
const overlayPrefix = "trusted.overlay.";

/**
 * What a container of these layers would see, read from the layers' indexes without mounting: no root, no Linux, no
 * copy. Paths are absolute in-image paths; symlinks are followed inside the tree and never on the host.
 *
 * A tree holds one open file a layer once content was read: `close` it, or use `using`.
 *
 * Errors: `TREE_NOT_FOUND`, `TREE_NOT_DIRECTORY`, `TREE_NOT_FILE`, `TREE_LOOP`, `TREE_LIMIT`, and `EROFS_INVALID`
 * for a damaged layer.
 */
export class Tree {
  readonly #layers: readonly LayerFiles[];
  readonly #lookups: Lookups;

  private constructor(layers: readonly LayerFiles[]) {
    this.#layers = layers;
    let root: Node | undefined;
    const readRoot = () => {
      root ??= this.#mergeRoot();
      return root;
    };
    this.#lookups = {
      get root() {
        return readRoot();
      },
      child: (directory, name) => lookupName(this.#reader, directory, name),
      target: (symlink) => this.readlink(symlink),
    };
  }

  /** Opens the merged view of layers in the order of an image's diff ids, the base first. Reads nothing yet. */
  static open(layers: readonly LayerPaths[]): Tree {
    checkArgument("Tree.open: layers", layers, "array");
    return new Tree(layers.map((layer) => new LayerFiles(layer)));
  }

  /** Between many look-ups: what they touched of the indexes need not stay in the process. */
  release(): void {
    for (const layer of this.#layers) layer.release();
  }

  /** The root directory; an empty one for no layers (`FROM scratch`). */
  get root(): Node {
    return this.#lookups.root;
  }

  /**
   * What is at a path; undefined when nothing is. Symlinks on the way are followed, one in the last place unless
   * `follow` is false (stat and lstat).
   */
  lookup(path: string, options: { readonly follow?: boolean } = {}): Node | undefined {
    return resolvePath(this.#lookups, path, options.follow ?? true).node;
  }

  /** Where a path leads when all symlinks are followed, whether or not something is there. */
  resolve(path: string, options: { readonly follow?: boolean } = {}): Resolved {
    return resolvePath(this.#lookups, path, options.follow ?? true);
  }

  /** A directory's names with their nodes, in byte order. */
  readdir(at: string | Node): TreeEntry[] {
    return [...this.entries(at)];
  }

  /** As `readdir`, one name at a time: those of a large directory need not be in memory together. */
  entries(at: string | Node): Generator<TreeEntry, void, undefined> {
    const node = this.#find(at);
    if (node.type !== "directory")
      throw new StrakeError("TREE_NOT_DIRECTORY", `${shown(at, node)} in the image is not a directory`);
    return listNames(this.#reader, node);
  }

  /** The one child of a directory with this name (one component, nothing followed). */
  child(directory: Node, name: string): Node | undefined {
    return directory.type === "directory" ? this.#lookups.child(directory, name) : undefined;
  }

  /** Target of a symlink, as stored. */
  readlink(at: string | Node): string {
    const node = typeof at === "string" ? this.#find(at, false) : at;
    if (node.type !== "symlink")
      throw new StrakeError("TREE_NOT_FILE", `${shown(at, node)} in the image is not a symbolic link`);
    const { layer, nid } = node.parts[0]!;
    return this.#reader(layer).readlink(nid);
  }

  /** Extended attributes by full name, without overlayfs's own. */
  xattrs(at: string | Node): Map<string, Uint8Array> {
    const { layer, nid } = this.#find(at).parts[0] ?? {};
    if (layer === undefined || nid === undefined) return new Map();
    const xattrs = this.#reader(layer).xattrs(nid);
    for (const name of xattrs.keys()) if (name.startsWith(overlayPrefix)) xattrs.delete(name);
    return xattrs;
  }

  /** A whole small file. `limit` in bytes (default 16 MiB); larger ones are refused with `TREE_LIMIT`. */
  readFile(at: string | Node, options: { readonly limit?: number } = {}): Uint8Array {
    const node = this.#file(at);
    const limit = options.limit ?? 16 * 1024 * 1024;
    if (node.size > limit)
      throw new StrakeError(
        "TREE_LIMIT",
        `${shown(at, node)} in the image is ${node.size} bytes, more than ${limit}`,
      );
    return this.readRange(node, 0, node.size);
  }

  /** Up to `length` bytes of a file from `offset` on; fewer at its end. */
  readRange(at: string | Node, offset: number, length: number): Uint8Array {
    const node = this.#file(at);
    const bytes = new Uint8Array(Math.max(0, Math.min(length, node.size - offset)));
    if (bytes.length > 0) fillRange(this.#files(node), this.#extents(node), offset, bytes);
    return bytes;
  }

  /** A file's bytes, `start` to `end` (default all), in chunks of at most 256 KiB. */
  stream(
    at: string | Node,
    range: { readonly start?: number; readonly end?: number } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const node = this.#file(at);
    const end = Math.min(range.end ?? node.size, node.size);
    return streamRange(this.#files(node), this.#extents(node), { start: range.start ?? 0, end });
  }

  /** Where a file's bytes are: its layer (0 the lowest) and extents; what no extent covers is zeros. */
  extents(at: string | Node): { readonly layer: number; readonly extents: readonly Extent[] } {
    const node = this.#file(at);
    return { layer: node.parts[0]!.layer, extents: this.#extents(node) };
  }

  /**
   * Everything at and below a path, parents before children, names in byte order. Symlinks are yielded, not followed,
   * also at the path itself.
   */
  *walk(path = "/"): Generator<{ readonly path: string; readonly node: Node }, void, undefined> {
    const start = this.resolve(path, { follow: false });
    if (!start.node) throw notFound(path);
    const pending = [{ path: start.path, node: start.node, depth: 0 }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      yield { path: next.path, node: next.node };
      if (next.node.type !== "directory") continue;
      if (next.depth >= depthMax)
        throw new StrakeError("EROFS_INVALID", "a layer's directories are nested deeper than a path can be");
      const prefix = next.path === "/" ? "/" : `${next.path}/`;
      const entries = [...listNames(this.#reader, next.node)];
      for (let i = entries.length - 1; i >= 0; i--)
        pending.push({ path: prefix + entries[i]!.name, node: entries[i]!.node, depth: next.depth + 1 });
    }
  }

  /** Closes the layers' files. The tree opens them again when used. */
  close(): void {
    for (const layer of this.#layers) layer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #reader = (layer: number) => this.#layers[layer]!.reader;

  /** Overlayfs merges roots whatever their marks; an opaque root (`.wh..wh..opq` at the top) still hides what is below. */
  #mergeRoot(): Node {
    const merger = new Merger();
    for (let layer = this.#layers.length - 1; layer >= 0 && !merger.done; layer--) {
      const reader = this.#reader(layer);
      merger.add(reader, layer, reader.root);
    }
    return merger.node() ?? emptyRoot;
  }

  #find(at: string | Node, follow = true): Node {
    if (typeof at !== "string") return at;
    const node = this.lookup(at, { follow });
    if (!node) throw notFound(at);
    return node;
  }

  #file(at: string | Node): Node {
    const node = this.#find(at);
    if (node.type !== "file")
      throw new StrakeError("TREE_NOT_FILE", `${shown(at, node)} in the image is a ${node.type}, not a file`);
    return node;
  }

  #files(node: Node): LayerFiles {
    return this.#layers[node.parts[0]!.layer]!;
  }

  #extents(node: Node): Extent[] {
    const { layer, nid } = node.parts[0]!;
    return this.#reader(layer).extents(nid);
  }
}

const emptyRoot: Node = {
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  mtimeNsec: 0,
  nlink: 2,
  devmajor: 0,
  devminor: 0,
  key: "root",
  parts: [],
};

/**
 * The layers of a chain that show: overlayfs does not look at opaque marks on roots, so a mount must leave out the layers
 * below one that has it. Returns how many of the lowest layers are hidden.
 */
export function hiddenLayers(layers: readonly LayerPaths[]): number {
  for (let layer = layers.length - 1; layer > 0; layer--) {
    const { reader } = new LayerFiles(layers[layer]!);
    if (isOpaque(reader, reader.root)) return layer;
  }
  return 0;
}

function notFound(path: string): StrakeError {
  return new StrakeError("TREE_NOT_FOUND", `${quote(path)} does not exist in the image`);
}

function shown(at: string | Node, node: Node): string {
  return typeof at === "string" ? quote(at) : `a ${node.type}`;
}
