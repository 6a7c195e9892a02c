import { closeSync, fstatSync, readFileSync } from "node:fs";
import { decodePath } from "../tar/index.ts";
import { errnoName, errnoNumber } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { type OpenOptions, openFlags, resolveFlags } from "./open-flags.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/** The kernel's own bound on links in a path. */
const linksFollowed = 40;
/** How often a name is looked at again that somebody exchanged for a link in between, as openat2 is tried again. */
const attempts = 128;

/** What openat2(2) would say, as an errno. */
class Refused {
  readonly errno: number;
  constructor(name: string) {
    this.errno = errnoNumber(name);
  }
}

/**
 * openat2(2) where the kernel or its seccomp profile has none: opens `path` name by name, each with O_PATH and O_NOFOLLOW below the
 * descriptor of the one before. A link is read through its own descriptor and its text is walked the same way; `..` goes back to a descriptor that the walk
 * came by, never through the kernel. So whoever exchanges names for links meanwhile changes which name below the directory is met, and leads
 * nobody out of it. A path that leaves the directory is refused (EXDEV) unless it is `inRoot`. Gives a descriptor, or an errno as a negative number.
 */
export function openByWalk(directory: number, path: string, options: OpenOptions): number {
  const walk = new Walk(directory, options);
  try {
    return walk.open(path);
  } catch (error) {
    if (error instanceof Refused) return -error.errno;
    throw error;
  } finally {
    walk.close();
  }
}

class Walk {
  readonly #flags: number;
  readonly #mode: number;
  readonly #resolve: number;
  readonly #root: number;
  /** Descriptors from the root, which is not among them, to where the walk is. */
  readonly #way: number[] = [];
  readonly #mount: string | undefined;
  #links = 0;

  constructor(directory: number, { flags, mode = 0, resolve = 0 }: OpenOptions) {
    this.#flags = flags | openFlags.cloexec;
    this.#mode = mode;
    this.#resolve = resolve;
    this.#root = directory;
    this.#mount = this.#has(resolveFlags.noCrossMount) ? mountOf(directory) : undefined;
  }

  open(path: string): number {
    if (path === "") throw new Refused("ENOENT");
    const names: string[] = [];
    this.#enter(path, names);
    for (let attempt = 0; ; ) {
      const next = names.pop() ?? ".";
      if (next.endsWith("/") && names.length === 0) throw new Refused("EISDIR");
      const name = next.replace(/\/$/, "");
      if (name === "..") this.#leave();
      if (name === ".." || name === ".") {
        if (names.length === 0) return this.#openAs(".");
        continue;
      }
      const isLast = names.length === 0;
      if (isLast && (this.#flags & openFlags.path) === 0) {
        const fd = this.#openLast(name, names);
        if (fd !== undefined) return fd;
        if (names.length === 0) {
          if (++attempt > attempts) throw new Refused("EAGAIN");
          names.push(name);
        }
        continue;
      }
      using found = opened(this.#here, name, pathFlags);
      const stat = fstatSync(found.fd);
      const isItself = isLast && (this.#flags & openFlags.nofollow) !== 0;
      if (stat.isSymbolicLink() && !isItself) {
        this.#follow(found.fd, names);
        continue;
      }
      if (!stat.isDirectory() && (!isLast || (this.#flags & openFlags.directory) !== 0))
        throw new Refused("ENOTDIR");
      this.#stay(found.fd);
      if (isLast) return found.take();
      this.#way.push(found.take());
    }
  }

  close(): void {
    for (const fd of this.#way.splice(0)) closeSync(fd);
  }

  get #here(): number {
    return this.#way.at(-1) ?? this.#root;
  }

  #has(flag: number): boolean {
    return (this.#resolve & flag) !== 0;
  }

  /** Puts the names of a path before those that are left. A slash at its end wants a directory, links followed. */
  #enter(path: string, names: string[]): void {
    if (path.startsWith("/")) {
      if (!this.#has(resolveFlags.inRoot)) throw new Refused("EXDEV");
      this.close();
    }
    const parts = path.split("/").filter((name) => name !== "");
    const last = parts.at(-1);
    // Nobody makes a file by such a name (EISDIR, whatever is there): the slash stays, to be found at the last name.
    if (last !== undefined && path.endsWith("/") && (this.#flags & openFlags.create) !== 0)
      parts[parts.length - 1] = `${last}/`;
    else if (path.endsWith("/")) parts.push(".");
    names.push(...parts.reverse());
  }

  #leave(): void {
    const fd = this.#way.pop();
    if (fd !== undefined) closeSync(fd);
    else if (!this.#has(resolveFlags.inRoot)) throw new Refused("EXDEV");
  }

  #follow(link: number, names: string[]): void {
    if (this.#has(resolveFlags.noSymlinks) || ++this.#links > linksFollowed) throw new Refused("ELOOP");
    const text = textOf(link);
    // What /proc calls a link and is none (fd/3, root, exe): the text names a place elsewhere, or nothing at all.
    if (/^\/|:\[/.test(text) && isOnProc(link)) throw new Refused("ELOOP");
    if (text === "") throw new Refused("ENOENT");
    this.#enter(text, names);
  }

  /** Opens what is asked for, below where the walk is. Undefined: it is a link, whose names are now to be walked, or was one a moment ago. */
  #openLast(name: string, names: string[]): number | undefined {
    try {
      return this.#openAs(name);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const said = errnoName(error.errno);
      // With O_DIRECTORY a link is no directory (open(2)).
      if (said !== "ELOOP" && said !== "ENOTDIR") throw error;
      using found = opened(this.#here, name, pathFlags);
      if (!fstatSync(found.fd).isSymbolicLink()) {
        if (said === "ENOTDIR") throw error;
        return undefined;
      }
      if (this.#flags & openFlags.nofollow) throw error;
      this.#follow(found.fd, names);
      return undefined;
    }
  }

  #openAs(name: string): number {
    using found = opened(this.#here, name, this.#flags | openFlags.nofollow, this.#mode);
    this.#stay(found.fd);
    return found.take();
  }

  #stay(fd: number): void {
    if (this.#mount !== undefined && mountOf(fd) !== this.#mount) throw new Refused("EXDEV");
  }
}

const pathFlags = openFlags.path | openFlags.nofollow | openFlags.cloexec;

/** A descriptor that is closed unless it was taken. */
class Held {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd;
  }

  take(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
  }
}

function opened(directory: number, name: string, flags: number, mode = 0): Held {
  const fd = syscall("openat", directory, cPath(name), flags, mode);
  if (fd < 0) throw new Refused(errnoName(errno()));
  return new Held(fd);
}

/** Target of the link that an O_PATH descriptor is. */
function textOf(link: number): string {
  const buffer = new Uint8Array(4096);
  const length = libc().readlinkat(link, cPath(""), buffer, buffer.length);
  if (length < 0) throw new Refused(errnoName(errno()));
  return decodePath(buffer.subarray(0, length));
}

const procMagic = 0x9fa0;

function isOnProc(fd: number): boolean {
  const bytes = new Uint8Array(128);
  return libc().fstatfs(fd, bytes) === 0 && new DataView(bytes.buffer).getUint32(0, true) === procMagic;
}

/** The mount that a descriptor is on: statx(2) tells it since Linux 5.8 only. */
function mountOf(fd: number): string {
  return /^mnt_id:\s*([0-9]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
}
