import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { closeFd, openAt, openFlags, resolveFlags } from "../../sys/index.ts";
import { type EntryHeader, encodePath, quote } from "../../tar/index.ts";
import { readDescriptor, type UpperEntry } from "../diff.ts";
import { type DiskNode, readNode, settled } from "./disk-node.ts";

export type Change =
  | { readonly kind: "whiteout"; readonly path: string }
  | { readonly kind: "node"; readonly path: string; readonly disk: DiskNode };

const whiteoutPrefix = ".wh.";

/**
 * Changes as the entries that `diffUpper` would give for them: with the directories above, in the order of the tree, names
 * of one inode as links to the first.
 */
export function* emitChanges(
  root: number,
  changes: readonly Change[],
  signal: AbortSignal | undefined,
): Generator<UpperEntry, void, undefined> {
  const firsts = new Map<string, string>();
  for (const change of inTreeOrder(withParents(root, changes))) {
    throwIfAborted(signal);
    if (change.kind === "whiteout") yield { header: whiteout(change.path) };
    else yield nodeEntry(root, change.path, change.disk, firsts);
  }
}

/** As in an overlay, where a file cannot change without the directories above it being there. */
function withParents(root: number, changes: readonly Change[]): Map<string, Change> {
  const all = new Map<string, Change>();
  for (const change of changes) {
    // The root is no entry of a layer.
    if (change.path !== "/") all.set(change.path, change);
  }
  for (const path of [...all.keys()])
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      if (all.has(parent)) break;
      all.set(parent, { kind: "node", path: parent, disk: readBelow(root, parent) });
    }
  return all;
}

function readBelow(root: number, path: string): DiskNode {
  const slash = path.lastIndexOf("/");
  const fd = openBelow(root, path.slice(0, slash), openFlags.path | openFlags.directory);
  try {
    return settled(readNode(fd, path.slice(slash + 1)));
  } finally {
    closeFd(fd);
  }
}

/** Depth first, names in byte order: component by component, as `a/b` comes before `a-b`. */
function inTreeOrder(changes: ReadonlyMap<string, Change>): Change[] {
  const keyed = [...changes.values()].map((change) => ({
    change,
    // NUL cannot be in a path and sorts before everything that can.
    key: Buffer.from(encodePath(change.path)).map((byte) => (byte === 0x2f ? 0 : byte)),
  }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  return keyed.map(({ change }) => change);
}

function whiteout(path: string): EntryHeader {
  const slash = path.lastIndexOf("/");
  const nothing = { uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0, linkname: "", uname: "", gname: "" };
  const name = `${path.slice(1, slash + 1)}${whiteoutPrefix}${path.slice(slash + 1)}`;
  return { type: "file", path: name, mode: 0o600, ...nothing, devmajor: 0, devminor: 0 };
}

function nodeEntry(root: number, path: string, disk: DiskNode, firsts: Map<string, string>): UpperEntry {
  const name = path.slice(1);
  if (name.slice(name.lastIndexOf("/") + 1).startsWith(whiteoutPrefix))
    throw new StrakeError("LAYER_DIFF_UNSUPPORTED", `${quote(name)} cannot be kept in a layer`, {
      hint: "a name that starts with .wh. means a deletion there; remove or rename the file",
    });
  const header = headerOf(name, disk);
  if (disk.type !== "file") return { header };
  const first = disk.nlink > 1 ? firsts.get(disk.inode) : undefined;
  if (first !== undefined) return { header: { ...header, type: "hardlink", linkname: first, size: 0 } };
  firsts.set(disk.inode, name);
  if (disk.size === 0) return { header };
  const open = () => openBelow(root, path, openFlags.readOnly | openFlags.nofollow | openFlags.nonblock);
  return { header, open, body: readDescriptor(open) };
}

function headerOf(name: string, disk: DiskNode): EntryHeader {
  const { mode, uid, gid, size, mtime, mtimeNsec, linkname, devmajor, devminor } = disk;
  const type = disk.type === "socket" ? "file" : disk.type;
  return {
    type,
    path: type === "directory" ? `${name}/` : name,
    ...{ mode, uid, gid, size, mtime, mtimeNsec, linkname, devmajor, devminor },
    uname: "",
    gname: "",
    xattrs: disk.xattrs(),
  };
}

const inside = resolveFlags.beneath | resolveFlags.noSymlinks | resolveFlags.noMagicLinks;

function openBelow(root: number, path: string, flags: number): number {
  return openAt(root, `.${path}`, { flags, resolve: inside });
}
