import { resolveUser as resolveInTree, type Tree } from "../../layer/index.ts";
import type { ResolveUser } from "../lifecycle/record.ts";

/**
 * Users by the passwd and group files a container has now, with the rules builds use for the image's: the same code reads
 * both, from files instead of layers.
 */
export const resolveAccount: ResolveUser = (user, readFile) => {
  const found = new Map<object, Uint8Array>();
  const files: Pick<Tree, "lookup" | "readFile"> = {
    lookup: (path) => {
      const bytes = readFile(path);
      if (bytes === undefined) return undefined;
      const node = { ...plainFile, size: bytes.length };
      found.set(node, bytes);
      return node;
    },
    readFile: (node) => found.get(node as object) ?? new Uint8Array(0),
  };
  const { uid, gid, groups } = resolveInTree(files as Tree, user);
  return { uid, gid, additionalGids: groups };
};

const plainFile = {
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  mtimeNsec: 0,
  nlink: 1,
  devmajor: 0,
  devminor: 0,
  key: "",
  parts: [],
} as const;
