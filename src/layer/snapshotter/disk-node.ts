import { lstatSync, readdirSync } from "node:fs";
import { fromNodeError, nodePath, readlinkAt, readXattrs, splitDevice } from "../../sys/index.ts";
import { decodePath, type EntryType } from "../../tar/index.ts";
import { keepXattrs } from "../overlay-xattr.ts";

/** A name in a directory of the host, symlinks as such. */
export interface DiskNode {
  readonly type: Exclude<EntryType, "hardlink"> | "socket";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly ctimeNs: bigint;
  readonly nlink: number;
  readonly inode: string;
  readonly devmajor: number;
  readonly devminor: number;
  readonly linkname: string;
  /** Read when first asked for: most nodes are known to be unchanged without. */
  readonly xattrs: () => ReadonlyMap<string, Uint8Array> | undefined;
}

const types = new Map<number, DiskNode["type"]>([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
  [0o020000, "char"],
  [0o060000, "block"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

/** Looks at `name` in an open directory. The path through the descriptor means that directory whatever happened to its name. */
export function readNode(directory: number, name: string): DiskNode {
  const place = `/proc/self/fd/${directory}/${name}`;
  const stat = lookAt(place);
  const type = types.get(Number(stat.mode & 0o170000n)) ?? "socket";
  const device = splitDevice(Number(stat.rdev));
  const isDevice = type === "char" || type === "block";
  const billion = 1_000_000_000n;
  const nsec = ((stat.mtimeNs % billion) + billion) % billion;
  return {
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtime: Number((stat.mtimeNs - nsec) / billion),
    mtimeNsec: Number(nsec),
    ctimeNs: stat.ctimeNs,
    nlink: Number(stat.nlink),
    inode: `${stat.dev}:${stat.ino}`,
    devmajor: isDevice ? device.major : 0,
    devminor: isDevice ? device.minor : 0,
    linkname: type === "symlink" ? decodePath(readlinkAt(directory, name)) : "",
    xattrs: () => keepXattrs(readXattrs(place)),
  };
}

function lookAt(place: string) {
  try {
    return lstatSync(nodePath(place), { bigint: true });
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Names in an open directory. */
export function namesIn(directory: number): string[] {
  try {
    return (readdirSync(`/proc/self/fd/${directory}`, { encoding: "buffer" }) as Buffer[]).map(decodePath);
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** The node with what it would have read later read now, for use after its directory is closed. */
export function settled(node: DiskNode): DiskNode {
  const xattrs = node.xattrs();
  return { ...node, xattrs: () => xattrs };
}
