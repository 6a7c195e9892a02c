import type { TableMemory } from "../../erofs/index.ts";
import { type LayerPaths, type Node, Tree } from "../../layer/index.ts";
import type { Digest } from "../../oci/index.ts";
import { DigestList } from "./digest-list.ts";
import type { CopySource, OpenFile, SourceNode } from "./source.ts";

/** Names between two looks at how much of the indexes is at hand. */
const releaseEvery = 512;

interface TreeSourceOptions {
  /** Files have no owner of their own, as in a build context. */
  readonly ownedByRoot?: boolean;
  /** For digests, to be open as long as the source is used. */
  readonly memory?: TableMemory;
}

interface TreeNode extends SourceNode {
  readonly origin: Node;
}

/** The files of these layers as a source; see `TreeSource`. */
export function openTreeSource(
  layers: readonly LayerPaths[],
  chain: string,
  memory: TableMemory,
): TreeSource {
  return new TreeSource(Tree.open(layers), chain, { memory });
}

/** A stage or an image as a source: read from its layers, never mounted. Owners, xattrs and hardlinks are kept. */
export class TreeSource implements CopySource<TreeNode> {
  readonly #tree: Tree;
  readonly #chain: string;
  readonly #ownedByRoot: boolean;
  readonly #memory: TableMemory | undefined;
  /** By layer, then by the number of the node in it. */
  readonly #digests: DigestList[] = [];

  /** `chain`: identity of the tree's layers. */
  constructor(tree: Tree, chain: string, options: TreeSourceOptions = {}) {
    this.#memory = options.memory;
    this.#tree = tree;
    this.#chain = chain;
    this.#ownedByRoot = options.ownedByRoot ?? false;
  }

  /** Layers never change. */
  fingerprint(): string {
    return this.#chain;
  }

  resolve(path: string, follow: boolean): { path: string; node: TreeNode | undefined } {
    const found = this.#tree.resolve(path, { follow });
    return { path: found.path, node: found.node && this.#nodeOf(found.node) };
  }

  *children(_path: string, node: TreeNode): Generator<{ name: string; node: TreeNode }, void, undefined> {
    let listed = 0;
    for (const entry of this.#tree.entries(node.origin)) {
      if (listed++ % releaseEvery === 0) this.#tree.release();
      const child = this.#nodeOf(entry.node);
      if (child) yield { name: entry.name, node: child };
    }
  }

  readlink(_path: string, node: TreeNode): string {
    return this.#tree.readlink(node.origin);
  }

  xattrs(_path: string, node: TreeNode): ReadonlyMap<string, Uint8Array> | undefined {
    const xattrs = this.#tree.xattrs(node.origin);
    return xattrs.size > 0 ? xattrs : undefined;
  }

  open(_path: string, node: TreeNode): OpenFile {
    const tree = this.#tree;
    return {
      size: node.size,
      unchanged: true,
      read(target, offset) {
        const bytes = tree.readRange(node.origin, offset, target.length);
        target.set(bytes);
        return bytes.length;
      },
      close() {},
    };
  }

  knownDigest(_path: string, node: TreeNode): Digest | undefined {
    const { layer, nid } = node.origin.parts[0]!;
    return this.#digests[layer]?.get(nid);
  }

  learnDigest(_path: string, node: TreeNode, digest: Digest): void {
    const { layer, nid } = node.origin.parts[0]!;
    this.#digests[layer] ??= new DigestList(this.#memory);
    this.#digests[layer].set(nid, digest);
  }

  #nodeOf(origin: Node): TreeNode | undefined {
    // Sockets are no part of an image.
    if ((origin.type as string) === "socket") return undefined;
    return {
      type: origin.type as SourceNode["type"],
      mode: origin.mode,
      uid: this.#ownedByRoot ? 0 : origin.uid,
      gid: this.#ownedByRoot ? 0 : origin.gid,
      size: origin.type === "file" ? origin.size : 0,
      mtime: origin.mtime,
      devmajor: origin.devmajor,
      devminor: origin.devminor,
      ...(origin.type === "file" && origin.nlink > 1 && { link: origin.key }),
      origin,
    };
  }
}
