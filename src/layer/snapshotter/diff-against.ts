import { sortByBytes } from "../../erofs/index.ts";
import { throwIfAborted } from "../../errors/index.ts";
import { closeFd, openAt, openDirectory, openFlags } from "../../sys/index.ts";
import { processRights } from "../extract/index.ts";
import type { Node, Tree } from "../tree/index.ts";
import { type DiskNode, namesIn, readNode, settled } from "./disk-node.ts";
import { type Change, emitChanges } from "./emit-changes.ts";
import { isSame } from "./same-node.ts";
import type { DiffEntry } from "./snapshotter.ts";

export interface DiffAgainstOptions {
  /** When the directory became a copy of the tree, in nanoseconds: inodes whose ctime is clearly earlier are unchanged. */
  readonly copied?: bigint;
  readonly signal?: AbortSignal;
}

/** File systems stamp with the time of the last clock tick, which is up to 10 ms old. */
const clockSlack = 20_000_000n;

/**
 * How a directory that began as a copy of `tree` differs from it now, as the entries that an overlay's upper directory would
 * give: changed nodes with the directories above them, `.wh.` entries for what is gone, links between names of one
 * changed inode. Directories are walked by descriptor and nothing is followed, so a process that swaps names meanwhile cannot
 * lead it outside.
 */
export async function* diffAgainst(
  tree: Tree,
  directory: string,
  options: DiffAgainstOptions = {},
): AsyncGenerator<DiffEntry, void, undefined> {
  const root = openDirectory(directory);
  try {
    const comparison = new Comparison(tree, root, options);
    await comparison.run();
    for (const entry of emitChanges(root, comparison.changes, options.signal))
      yield processRights().owners ? entry : withImageOwner(tree, entry);
  } finally {
    closeFd(root);
  }
}

/** Without the right to give files away all belong to this user, which says nothing: old files keep the image's owner, new ones are root's. */
function withImageOwner(tree: Tree, entry: DiffEntry): DiffEntry {
  const { uid = 0, gid = 0 } = tree.lookup(`/${entry.header.path}`, { follow: false }) ?? {};
  return { ...entry, header: { ...entry.header, uid, gid } };
}

/** Devices that could not be made when the tree was copied are not missing. */
function wasLeftOut(node: Node): boolean {
  return (node.type === "char" || node.type === "block") && !processRights().devices;
}

class Comparison {
  readonly changes: Change[] = [];
  readonly #tree: Tree;
  readonly #root: number;
  readonly #options: DiffAgainstOptions;
  /** Unchanged names of inodes that have several: they count as changed once another name of the inode does. */
  readonly #quiet = new Map<string, { readonly path: string; readonly disk: DiskNode }[]>();
  #seen = 0;

  constructor(tree: Tree, root: number, options: DiffAgainstOptions) {
    this.#tree = tree;
    this.#root = root;
    this.#options = options;
  }

  async run(): Promise<void> {
    const fd = openAt(this.#root, ".", { flags: openFlags.readOnly | openFlags.directory });
    try {
      const disk = readNode(this.#root, ".");
      if (!isSame(this.#tree, this.#tree.root, disk, { directory: fd, name: ".", inDoubt: true }))
        this.changes.push({ kind: "node", path: "/", disk: settled(disk) });
      await this.#directory(fd, this.#tree.root, "", false);
    } finally {
      closeFd(fd);
    }
    this.#wakeLinks();
  }

  /** `inDoubt`: this directory was touched or moved, so what is in it may have come from elsewhere with old times. */
  async #directory(fd: number, lower: Node | undefined, path: string, inDoubt: boolean): Promise<void> {
    const names = namesIn(fd);
    const present = new Set(names);
    const known = lower?.type === "directory" ? this.#tree.readdir(lower) : [];
    const nodes = new Map(known.map(({ name, node }) => [name, node]));
    for (const { name, node } of known) if (!present.has(name) && !wasLeftOut(node)) names.push(name);
    sortByBytes(names);
    for (const name of names) {
      if (++this.#seen % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(this.#options.signal);
      const childPath = `${path}/${name}`;
      if (present.has(name)) await this.#child({ directory: fd, name }, nodes.get(name), childPath, inDoubt);
      else this.changes.push({ kind: "whiteout", path: childPath });
    }
  }

  async #child(
    place: { directory: number; name: string },
    lower: Node | undefined,
    path: string,
    parentInDoubt: boolean,
  ): Promise<void> {
    const disk = readNode(place.directory, place.name);
    // A socket means nothing without the process that listens on it, and no tar can hold one.
    if (disk.type === "socket") return;
    const touched = disk.ctimeNs + clockSlack >= (this.#options.copied ?? 0n);
    const inDoubt = parentInDoubt || touched;
    const same = lower !== undefined && isSame(this.#tree, lower, disk, { ...place, inDoubt });
    if (!same) this.changes.push({ kind: "node", path, disk: settled(disk) });
    else if (disk.nlink > 1 && disk.type !== "directory") this.#keepQuiet(path, disk);
    if (disk.type !== "directory") return;
    const fd = openAt(place.directory, place.name, {
      flags: openFlags.readOnly | openFlags.directory | openFlags.nofollow,
    });
    try {
      await this.#directory(fd, lower, path, inDoubt);
    } finally {
      closeFd(fd);
    }
  }

  #keepQuiet(path: string, disk: DiskNode): void {
    const name = { path, disk: settled(disk) };
    const names = this.#quiet.get(disk.inode);
    if (names) names.push(name);
    else this.#quiet.set(disk.inode, [name]);
  }

  /** A new name of an old inode: both must be in the layer, or the link would be lost. */
  #wakeLinks(): void {
    if (this.#quiet.size === 0) return;
    const inodes = new Set(this.changes.flatMap((c) => (c.kind === "node" ? [c.disk.inode] : [])));
    for (const inode of inodes)
      for (const { path, disk } of this.#quiet.get(inode) ?? [])
        this.changes.push({ kind: "node", path, disk });
  }
}
