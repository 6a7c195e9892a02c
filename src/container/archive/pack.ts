import { type BigIntStats, closeSync, fstatSync, readdirSync, readSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { atCwd, closeFd, openAt, openFlags, readlinkAt, readXattrs, resolveFlags } from "../../sys/index.ts";
import {
  decodePath,
  type EntryHeader,
  type EntryType,
  encodeHeader,
  endOfArchive,
  paddingOf,
} from "../../tar/index.ts";
import { pathOfDescriptor } from "./descriptor-path.ts";

const chunkSize = 1 << 18;

export interface PackOptions {
  /** Descriptor of the root that every link is resolved in. */
  readonly root: number;
  readonly path: string;
  /** Name of the first entry in the archive; "" leaves it out, so that only what is in the directory is packed. */
  readonly name: string;
  /** Follow `path` when it is a link itself. Links below it are packed as links. */
  readonly follow?: boolean;
}

/**
 * A file or directory as a tar stream. The path is resolved by the kernel inside the root and everything below is opened one
 * name at a time without following, so a container that swaps directories for links while this runs can only
 * change what of its own is read (CVE-2018-15664). Sockets are left out. Errors: CONTAINER_PATH_INVALID.
 */
export async function* packTree(options: PackOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const nofollow = options.follow ? 0 : openFlags.nofollow;
  let fd: number;
  try {
    fd = openAt(options.root, options.path, {
      flags: openFlags.path | nofollow,
      resolve: resolveFlags.inRoot | resolveFlags.noMagicLinks,
    });
  } catch (cause) {
    throw new StrakeError("CONTAINER_PATH_INVALID", `${options.path} cannot be opened`, { cause });
  }
  try {
    yield* packNode({ fd, name: options.name }, new Map());
  } finally {
    closeFd(fd);
  }
  yield endOfArchive;
}

interface Node {
  /** O_PATH. */
  readonly fd: number;
  readonly name: string;
}

async function* packNode(
  node: Node,
  links: Map<string, string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, key, isShared } = describe(node);
  if (header === undefined) return;
  const first = isShared ? links.get(key) : undefined;
  if (first !== undefined) {
    yield encodeHeader({ ...header, type: "hardlink", linkname: first, size: 0, xattrs: undefined });
    return;
  }
  if (isShared) links.set(key, header.path);
  if (node.name !== "" && header.type !== "file") yield encodeHeader(header);
  if (header.type === "file") yield* packFile(node.fd, header);
  if (header.type !== "directory") return;
  const prefix = node.name === "" ? "" : `${node.name}/`;
  for (const name of namesIn(node.fd)) {
    let fd: number;
    try {
      fd = openAt(node.fd, name, { flags: openFlags.path | openFlags.nofollow });
    } catch {
      // Removed between the listing and now.
      continue;
    }
    try {
      yield* packNode({ fd, name: prefix + name }, links);
    } finally {
      closeFd(fd);
    }
  }
}

function describe(node: Node): { header?: EntryHeader; key: string; isShared: boolean } {
  const stat = fstatSync(node.fd, { bigint: true });
  const type = typeOf(stat);
  const key = `${stat.dev}:${stat.ino}`;
  if (type === undefined) return { key, isShared: false };
  const nsec = ((stat.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const isDevice = type === "char" || type === "block";
  const header: EntryHeader = {
    type,
    path: type === "directory" ? `${node.name}/` : node.name,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtime: Number((stat.mtimeNs - nsec) / 1_000_000_000n),
    mtimeNsec: Number(nsec),
    linkname: type === "symlink" ? decodePath(readlinkAt(node.fd, "")) : "",
    uname: "",
    gname: "",
    devmajor: isDevice ? major(stat.rdev) : 0,
    devminor: isDevice ? minor(stat.rdev) : 0,
    ...(type === "file" || type === "directory" ? { xattrs: attributesOf(node.fd) } : {}),
  };
  return { header, key, isShared: type !== "directory" && stat.nlink > 1n };
}

/** The content as long as the header says: a file that shrinks meanwhile is filled up, one that grows is cut. */
async function* packFile(pathFd: number, header: EntryHeader): AsyncGenerator<Uint8Array, void, undefined> {
  let fd: number;
  try {
    fd = openAt(atCwd, pathOfDescriptor(pathFd), {
      flags: openFlags.readOnly | openFlags.nonblock | openFlags.noctty,
    });
  } catch (cause) {
    throw new StrakeError("CONTAINER_PATH_INVALID", `${header.path} cannot be read`, { cause });
  }
  yield encodeHeader(header);
  try {
    let left = header.size;
    while (left > 0) {
      const buffer = new Uint8Array(Math.min(chunkSize, left));
      const length = readSync(fd, buffer, 0, buffer.length, header.size - left);
      // Zeros when nothing more comes.
      const chunk = length === 0 ? buffer : buffer.subarray(0, length);
      left -= chunk.length;
      yield chunk;
    }
  } finally {
    closeSync(fd);
  }
  const padding = paddingOf(header.size);
  if (padding > 0) yield new Uint8Array(padding);
}

function namesIn(fd: number): string[] {
  return readdirSync(pathOfDescriptor(fd), { encoding: "buffer" }).map(decodePath).sort();
}

function attributesOf(fd: number): ReadonlyMap<string, Uint8Array> | undefined {
  try {
    const xattrs = readXattrs(pathOfDescriptor(fd));
    return xattrs && xattrs.size > 0 ? xattrs : undefined;
  } catch {
    return undefined;
  }
}

function typeOf(stat: BigIntStats): EntryType | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return undefined;
}

/** Linux's encoding of device numbers (makedev(3)). */
function major(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

function minor(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}
