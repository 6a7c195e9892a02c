import { readSync } from "node:fs";
import { closeFd, fromNodeError, openAt, openFlags } from "../../sys/index.ts";
import { maySetXattr, processRights } from "../extract/index.ts";
import type { Node, Tree } from "../tree/index.ts";
import type { DiskNode } from "./disk-node.ts";

export interface Comparing {
  readonly directory: number;
  readonly name: string;
  /** The inode was touched since it was a copy: equal size and time say nothing, so bytes and attributes are compared. */
  readonly inDoubt: boolean;
}

/** Whether what is on disk still is the node of the image. Without the rights to set owners or devices these do not count. */
export function isSame(tree: Tree, node: Node, disk: DiskNode, place: Comparing): boolean {
  const rights = processRights();
  if (node.type !== disk.type) return false;
  if (rights.owners && (node.uid !== disk.uid || node.gid !== disk.gid)) return false;
  if (node.mtime !== disk.mtime || node.mtimeNsec !== disk.mtimeNsec) return false;
  if (node.type === "symlink") return tree.readlink(node) === disk.linkname;
  if (node.mode !== disk.mode || node.devmajor !== disk.devmajor || node.devminor !== disk.devminor)
    return false;
  if (node.type === "file" && node.size !== disk.size) return false;
  if (!place.inDoubt) return true;
  if (!sameXattrs(tree.xattrs(node), disk.xattrs() ?? new Map())) return false;
  return node.type !== "file" || sameContent(tree, node, place);
}

function sameXattrs(
  wanted: ReadonlyMap<string, Uint8Array>,
  found: ReadonlyMap<string, Uint8Array>,
): boolean {
  const rights = processRights();
  const expected = [...wanted].filter(([name]) => maySetXattr(rights, name));
  if (expected.length !== found.size) return false;
  return expected.every(([name, value]) => {
    const other = found.get(name);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}

const chunkSize = 256 * 1024;

function sameContent(tree: Tree, node: Node, place: Comparing): boolean {
  if (node.size === 0) return true;
  const flags = openFlags.readOnly | openFlags.nofollow | openFlags.nonblock;
  const fd = openAt(place.directory, place.name, { flags });
  const buffer = new Uint8Array(chunkSize);
  try {
    for (let at = 0; at < node.size; ) {
      const wanted = tree.readRange(node, at, chunkSize);
      const length = readSync(fd, buffer, 0, wanted.length, at);
      if (length === 0 || Buffer.compare(buffer.subarray(0, length), wanted.subarray(0, length)) !== 0)
        return false;
      at += length;
    }
    return true;
  } catch (error) {
    throw fromNodeError(error);
  } finally {
    closeFd(fd);
  }
}
