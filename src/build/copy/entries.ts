import type { EntryHeader } from "../../tar/index.ts";
import type { ModeChange } from "./chmod.ts";
import type { EnteredDirectory } from "./destination.ts";
import type { CopyItem, NodeItem } from "./item.ts";
import type { CopySource, SourceNode } from "./source.ts";

/** What applies to every entry of one COPY or ADD. */
export interface CopyAttributes {
  /** `--chown`; without it files keep their owner (root for a context) and made directories are root's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly mode?: ModeChange;
  /** SOURCE_DATE_EPOCH, seconds: the time of everything. */
  readonly epoch?: number;
}

/** An entry of the layer to be, complete but for a file's bytes. */
export interface CopyEntry {
  /** `size` is what the scan saw; the file may have another one when it is opened. */
  readonly header: EntryHeader;
  /** Where a file's bytes are; absent for everything else. */
  readonly body?: { readonly source: CopySource; readonly from: string; readonly node: SourceNode };
  /** Position of its item. */
  readonly index: number;
}

/** Directories made on the way get this time unless SOURCE_DATE_EPOCH says otherwise: equal copies are equal bytes. */
const noTime = 0;

/**
 * The entries for mapped items, made as they are asked for: all of them at once would be most of the memory of a large copy. Files of
 * one source that are one inode there become hardlinks, the first name carrying the content.
 */
export function* entriesOf(
  items: Iterable<CopyItem>,
  attributes: CopyAttributes,
): Generator<CopyEntry, void, undefined> {
  const links = new Map<string, string>();
  let index = 0;
  for (const item of items) {
    if (item.kind === "parent") yield { header: directoryHeader(item.directory, attributes), index };
    else {
      const header = nodeHeader(item, attributes, links);
      yield header.type === "file" ? { header, body: item, index } : { header, index };
    }
    index++;
  }
}

/**
 * A directory on the way: as the image has it, or made for the sake of what is in it. `--chmod` does not reach it, `--chown` only
 * when it is made.
 */
export function directoryHeader(
  { path, node, xattrs }: EnteredDirectory,
  { owner, epoch }: CopyAttributes,
): EntryHeader {
  return {
    ...plain,
    type: "directory",
    path: `${path.slice(1)}/`,
    mode: node?.mode ?? 0o755,
    uid: node?.uid ?? owner?.uid ?? 0,
    gid: node?.gid ?? owner?.gid ?? 0,
    mtime: node?.mtime ?? epoch ?? noTime,
    ...(xattrs && xattrs.size > 0 && { xattrs }),
  };
}

const plain = {
  size: 0,
  mtimeNsec: 0,
  linkname: "",
  uname: "",
  gname: "",
  devmajor: 0,
  devminor: 0,
} as const;

function nodeHeader(
  { path, turn, source, from, node }: NodeItem,
  { owner, mode, epoch }: CopyAttributes,
  links: Map<string, string>,
): EntryHeader {
  const { type } = node;
  const isDirectory = type === "directory";
  const name = isDirectory ? `${path.slice(1)}/` : path.slice(1);
  const first = node.link === undefined ? name : firstName(links, `${turn} ${node.link}`, name);
  const isHardlink = first !== name;
  const xattrs = isHardlink ? undefined : source.xattrs(from, node);
  return {
    type: isHardlink ? "hardlink" : type,
    path: name,
    // Linux gives symlinks no mode of their own.
    mode: type === "symlink" ? 0o777 : (mode?.apply(node.mode, isDirectory) ?? node.mode),
    uid: owner?.uid ?? node.uid,
    gid: owner?.gid ?? node.gid,
    size: type === "file" && !isHardlink ? node.size : 0,
    mtime: epoch ?? node.mtime,
    mtimeNsec: 0,
    linkname: isHardlink ? first : type === "symlink" ? source.readlink(from, node) : "",
    uname: "",
    gname: "",
    devmajor: node.devmajor,
    devminor: node.devminor,
    ...(xattrs && { xattrs }),
  };
}

function firstName(links: Map<string, string>, inode: string, name: string): string {
  const first = links.get(inode);
  if (first === undefined) links.set(inode, name);
  return first ?? name;
}
