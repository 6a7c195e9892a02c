import { closeSync, fstatSync, lstatSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { StrakeError, throwIfAborted } from "../errors/index.ts";
import {
  closeFd,
  fromNodeError,
  openAt,
  openDirectory,
  openFlags,
  PackedNames,
  readXattrs,
  resolveFlags,
  splitDevice,
} from "../sys/index.ts";
import { decodePath, type EntryHeader, quote } from "../tar/index.ts";
import { isOpaque, isXattrWhiteout, keepXattrs, refuseForeign } from "./overlay-xattr.ts";

export interface DiffUpperOptions {
  /** The overlay was mounted with `userxattr`: its marks are `user.overlay.*`. Default: when not root. */
  readonly userxattr?: boolean;
  readonly signal?: AbortSignal;
}

/** One change, ready for a tar. */
export interface UpperEntry {
  readonly header: EntryHeader;
  /** For files with content: a descriptor to read it from, which is the caller's to close. Valid until the walk ends. */
  readonly open?: () => number;
  /** The same as a stream, to be read before the next entry is asked for. */
  readonly body?: AsyncIterable<Uint8Array>;
}

/** Names of one directory that are looked at together: memory does not grow with how many there are. */
const atOnce = 1000;

const whiteoutPrefix = ".wh.";
const opaqueMarker = ".wh..wh..opq";

/** Nothing in an upper directory may lead out of it: it was written by the container, which may still be running. */
const inside = resolveFlags.beneath | resolveFlags.noSymlinks | resolveFlags.noMagicLinks;

/**
 * What was written in an overlay's upper directory, as the entries of a layer: every directory before what is in it, names in
 * byte order, so that the same writes give the same bytes. Deletions (0:0 character devices, or the xattr form of
 * Linux 6.7) become `.wh.NAME`, opaque directories hold `.wh..wh..opq` first; files with several names become one file
 * and hardlinks; sockets are left out, as in every image. The root itself is not an entry.
 *
 * Directories are opened with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS from the upper's own descriptor and names are
 * looked at through the descriptor of their directory, so exchanging a directory for a symlink while this runs reads nothing of
 * the host.
 *
 * Errors: `LAYER_DIFF_UNSUPPORTED` for metacopy and redirect marks (the mount must switch both off) and for files whose own name starts
 * with `.wh.`; `LAYER_SOURCE_CHANGED` when what is walked changes; `SYS_*`.
 */
export function* diffUpper(
  upper: string,
  options: DiffUpperOptions = {},
): Generator<UpperEntry, void, undefined> {
  const root = openDirectory(upper);
  try {
    const namespace = (options.userxattr ?? process.getuid?.() !== 0) ? "user" : "trusted";
    yield* new UpperWalk(root, namespace, options.signal).directory("");
  } finally {
    closeFd(root);
  }
}

/** A name in a directory, looked at through the directory's descriptor. */
interface Found {
  readonly path: string;
  readonly header: EntryHeader;
  readonly whiteout: boolean;
  readonly opaque: boolean;
  readonly inode: string;
  readonly links: number;
}

class UpperWalk {
  readonly #root: number;
  readonly #namespace: "trusted" | "user";
  readonly #signal: AbortSignal | undefined;
  /** First path of each file that has several names. */
  readonly #seen = new Map<string, string>();

  constructor(root: number, namespace: "trusted" | "user", signal: AbortSignal | undefined) {
    this.#root = root;
    this.#namespace = namespace;
    this.#signal = signal;
  }

  /** Changes below the directory `prefix` ("" or ending with a slash). */
  *directory(prefix: string): Generator<UpperEntry, void, undefined> {
    throwIfAborted(this.#signal);
    for (const found of this.#list(prefix)) {
      if (found.whiteout) yield { header: marker(prefix + whiteoutPrefix + found.path.slice(prefix.length)) };
      else if (found.header.type === "directory") {
        yield { header: found.header };
        if (found.opaque) yield { header: marker(found.header.path + opaqueMarker) };
        yield* this.directory(found.header.path);
      } else yield this.#leaf(found);
    }
  }

  #leaf(found: Found): UpperEntry {
    const { header, inode, path } = found;
    if (header.type !== "file") return { header };
    if (found.links > 1) {
      const first = this.#seen.get(inode);
      if (first !== undefined) return { header: { ...header, type: "hardlink", linkname: first, size: 0 } };
      this.#seen.set(inode, path);
    }
    if (header.size === 0) return { header };
    const open = () => this.#open(found);
    return { header, open, body: readDescriptor(open) };
  }

  /** What is in a directory, in byte order of the names. Its descriptor is closed before anything below is visited. */
  *#list(prefix: string): Generator<Found, void, undefined> {
    for (const some of this.#names(prefix))
      yield* this.#in(prefix, (folder) =>
        some
          .map((name) => this.#look(folder, prefix, Buffer.from(name, "latin1")))
          .filter((found) => found !== undefined),
      );
  }

  /** The names in a directory, a character for each byte: sorted as bytes, and a tenth of the memory of as many buffers. */
  *#names(prefix: string): Generator<string[], void, undefined> {
    const names = this.#in(
      prefix,
      (folder) => PackedNames.ofLarge(folder) ?? (readdirSync(folder, { encoding: "latin1" }) as string[]),
    );
    names.sort();
    if (Array.isArray(names)) {
      for (let at = 0; at < names.length; at += atOnce) yield names.slice(at, at + atOnce);
      return;
    }
    let some: string[] = [];
    for (const name of names.latin1()) {
      some.push(name);
      if (some.length < atOnce) continue;
      yield some;
      some = [];
    }
    yield some;
  }

  /** What `work` makes of a directory, which it can name while it runs. */
  #in<T>(prefix: string, work: (folder: string) => T): T {
    const fd = this.#openBelow(
      prefix === "" ? "." : prefix.slice(0, -1),
      openFlags.path | openFlags.directory,
    );
    try {
      return work(`/proc/self/fd/${fd}`);
    } catch (error) {
      throw vanished(error, prefix);
    } finally {
      closeFd(fd);
    }
  }

  #look(folder: string, prefix: string, name: Buffer): Found | undefined {
    const place = Buffer.concat([Buffer.from(`${folder}/`), name]);
    const text = decodePath(name);
    const path = prefix + text;
    const stat = lstatSync(place, { bigint: true });
    const type = typeOf(stat);
    if (type === undefined) return undefined;
    const mode = Number(stat.mode & 0o7777n);
    const xattrs = readXattrs(`${folder}/${text}`);
    refuseForeign(xattrs, path);
    const device = splitDevice(Number(stat.rdev));
    const isDevice = type === "char" || type === "block";
    const whiteout =
      (type === "char" && stat.rdev === 0n) ||
      (type === "file" && stat.size === 0n && isXattrWhiteout(xattrs, this.#namespace));
    if (text.startsWith(whiteoutPrefix) && !whiteout)
      throw new StrakeError("LAYER_DIFF_UNSUPPORTED", `${quote(path)} cannot be kept in a layer`, {
        hint: "a name that starts with .wh. means a deletion there; remove or rename the file",
      });
    const header: EntryHeader = {
      type,
      path: type === "directory" ? `${path}/` : path,
      mode,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: type === "file" ? Number(stat.size) : 0,
      ...timeOf(stat.mtimeNs),
      linkname: type === "symlink" ? decodePath(readlinkSync(place, { encoding: "buffer" }) as Buffer) : "",
      uname: "",
      gname: "",
      devmajor: isDevice ? device.major : 0,
      devminor: isDevice ? device.minor : 0,
      xattrs: keepXattrs(xattrs),
    };
    return {
      path,
      header,
      whiteout,
      opaque: type === "directory" && isOpaque(xattrs, this.#namespace),
      inode: `${stat.dev}:${stat.ino}`,
      links: Number(stat.nlink),
    };
  }

  /** Opens a file again and makes sure it is the one that was looked at. */
  #open(found: Found): number {
    const fd = this.#openBelow(found.path, openFlags.readOnly | openFlags.nofollow | openFlags.nonblock);
    const stat = fstatSync(fd, { bigint: true });
    if (stat.isFile() && `${stat.dev}:${stat.ino}` === found.inode) return fd;
    closeFd(fd);
    throw changed(found.path);
  }

  #openBelow(path: string, flags: number): number {
    try {
      return openAt(this.#root, path, { flags, resolve: inside });
    } catch (error) {
      throw vanished(error, path);
    }
  }
}

type Stat = ReturnType<typeof lstatSync> & { readonly mode: bigint };

/** Undefined for sockets, which are nothing without the process that listens. */
function typeOf(stat: Pick<Stat, "isFile"> & { readonly mode: bigint }): EntryHeader["type"] | undefined {
  switch (Number(stat.mode & 0o170000n)) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "directory";
    case 0o120000:
      return "symlink";
    case 0o020000:
      return "char";
    case 0o060000:
      return "block";
    case 0o010000:
      return "fifo";
  }
  return undefined;
}

function timeOf(nanoseconds: bigint): { mtime: number; mtimeNsec: number } {
  const billion = 1_000_000_000n;
  const rest = ((nanoseconds % billion) + billion) % billion;
  return { mtime: Number((nanoseconds - rest) / billion), mtimeNsec: Number(rest) };
}

/** An empty file that says something by its name. Owner, mode and time mean nothing and are always the same. */
function marker(path: string): EntryHeader {
  const nothing = { uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0, linkname: "", uname: "", gname: "" };
  return { type: "file", path, mode: 0o600, ...nothing, devmajor: 0, devminor: 0 };
}

/** The bytes behind a descriptor that `open` gives when they are asked for; it is closed at the end. */
export async function* readDescriptor(open: () => number): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = open();
  try {
    for (let position = 0; ; ) {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      const count = readSync(fd, buffer, 0, buffer.length, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

/** What was there a moment ago and is not, or leads elsewhere now, has been changed by somebody. */
function vanished(error: unknown, path: string): unknown {
  const failure = fromNodeError(error);
  const { code } = ((failure as StrakeError).cause ?? {}) as { code?: string };
  return code && ["ENOENT", "ELOOP", "ENOTDIR", "EXDEV"].includes(code) ? changed(path, failure) : failure;
}

function changed(path: string, cause?: unknown): StrakeError {
  return new StrakeError("LAYER_SOURCE_CHANGED", `${quote(path)} changed while the layer was read`, {
    hint: "stop what writes to it, or try again",
    cause,
  });
}
