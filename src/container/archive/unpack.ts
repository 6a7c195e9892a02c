import { fstatSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import {
  chmodDescriptorPath,
  chownAt,
  closeFd,
  errnoOf,
  fchmod,
  fchown,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  openFlags,
  resolveFlags,
  rmdirAt,
  setTimes,
  setTimesAt,
  setXattr,
  symlinkAt,
  unlinkAt,
  writeAll,
} from "../../sys/index.ts";
import { cleanEntryPath, type Entry, readTar } from "../../tar/index.ts";

export interface UnpackOptions {
  /** Descriptor of the root that every link is resolved in. */
  readonly root: number;
  /** Existing directory inside the root. */
  readonly path: string;
  readonly source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Give files to the owners the archive names; otherwise to us. */
  readonly keepOwners?: boolean;
  /** Make device nodes. */
  readonly devices?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks a tar below a directory of a running or stopped container. Each entry's parent is opened by the kernel inside the root, and the
 * entry itself is one name in it that is never followed: neither what the archive holds nor what the container does meanwhile
 * can reach outside (CVE-2018-15664, CVE-2019-14271). What is in the way of a file is replaced, a directory stays.
 */
export async function unpackTree(options: UnpackOptions): Promise<void> {
  for await (const { entry, body } of readTar(options.source, { signal: options.signal })) {
    const path = cleanEntryPath(entry.path);
    if (path === "/") continue;
    const place = openParent(options, path);
    try {
      await unpackEntry(options, entry, { body, ...place });
    } finally {
      closeFd(place.parent);
    }
  }
}

interface Item {
  readonly parent: number;
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
}

async function unpackEntry(options: UnpackOptions, entry: Entry, item: Item): Promise<void> {
  const { parent, name } = item;
  if (entry.type === "directory") return unpackDirectory(options, entry, item);
  clear(parent, name);
  if (entry.type === "file") return unpackFile(options, entry, item);
  if (entry.type === "hardlink") {
    const target = openParent(options, cleanEntryPath(entry.linkname));
    try {
      linkAt(target.parent, target.name, parent, name);
    } finally {
      closeFd(target.parent);
    }
    return;
  }
  const isDevice = entry.type === "char" || entry.type === "block";
  if (isDevice && options.devices === false) return;
  if (entry.type === "symlink") symlinkAt(entry.linkname, parent, name);
  else mknodAt(parent, name, { type: entry.type, mode: 0, major: entry.devmajor, minor: entry.devminor });
  if (options.keepOwners) chownAt(parent, name, entry.uid, entry.gid);
  if (entry.type !== "symlink") {
    const fd = openAt(parent, name, { flags: openFlags.path | openFlags.nofollow });
    try {
      chmodDescriptorPath(fd, entry.mode);
    } finally {
      closeFd(fd);
    }
  }
  const time = { sec: entry.mtime, nsec: entry.mtimeNsec };
  setTimesAt(parent, name, time, time);
}

function unpackDirectory(options: UnpackOptions, entry: Entry, { parent, name }: Item): void {
  const flags = openFlags.readOnly | openFlags.directory | openFlags.nofollow;
  let fd: number;
  try {
    fd = openAt(parent, name, { flags });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ENOTDIR" && errno !== "ELOOP") throw error;
    clear(parent, name);
    mkdirAt(parent, name, 0o700);
    fd = openAt(parent, name, { flags });
  }
  try {
    applyAttributes(options, entry, fd);
  } finally {
    closeFd(fd);
  }
}

async function unpackFile(options: UnpackOptions, entry: Entry, { parent, name, body }: Item): Promise<void> {
  const flags = openFlags.writeOnly | openFlags.create | openFlags.exclusive | openFlags.nofollow;
  const fd = openAt(parent, name, { flags, mode: 0o600 });
  try {
    for await (const chunk of body) writeAll(fd, chunk);
    applyAttributes(options, entry, fd);
  } finally {
    closeFd(fd);
  }
}

/** Owner first: changing it clears set-uid bits and file capabilities. */
function applyAttributes(options: UnpackOptions, entry: Entry, fd: number): void {
  if (options.keepOwners) {
    fchown(fd, entry.uid, entry.gid);
    for (const [key, value] of entry.xattrs ?? []) setXattr(fd, key, value);
  }
  fchmod(fd, entry.mode);
  const time = { sec: entry.mtime, nsec: entry.mtimeNsec };
  setTimes(fd, time, time);
}

/** The folder an entry belongs in, made if the archive does not name it, and the entry's name there. */
function openParent(options: UnpackOptions, path: string): { parent: number; name: string } {
  const slash = path.lastIndexOf("/");
  const folder = `${options.path}${path.slice(0, slash)}`;
  const name = path.slice(slash + 1);
  try {
    return { parent: openFolder(options.root, folder), name };
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || slash <= 0) throw error;
  }
  const above = openParent(options, path.slice(0, slash));
  try {
    mkdirAt(above.parent, above.name, 0o755);
  } finally {
    closeFd(above.parent);
  }
  return { parent: openFolder(options.root, folder), name };
}

function openFolder(root: number, path: string): number {
  return openAt(root, path === "" ? "/" : path, {
    flags: openFlags.readOnly | openFlags.directory,
    resolve: resolveFlags.inRoot | resolveFlags.noMagicLinks,
  });
}

/** Takes away what has the name; a directory with something in it is refused, not emptied. */
function clear(parent: number, name: string): void {
  let fd: number;
  try {
    fd = openAt(parent, name, { flags: openFlags.path | openFlags.nofollow });
  } catch {
    return;
  }
  const isDirectory = fstatSync(fd).isDirectory();
  closeFd(fd);
  if (!isDirectory) {
    unlinkAt(parent, name);
    return;
  }
  try {
    rmdirAt(parent, name);
  } catch (cause) {
    throw new StrakeError(
      "CONTAINER_PATH_INVALID",
      `cannot overwrite the directory ${name} with something else`,
      {
        cause,
      },
    );
  }
}
