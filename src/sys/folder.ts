import { fstatSync, openSync, readdirSync, rmSync, type Stats } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { fromNodeError } from "./errno.ts";
import { mkdirAt } from "./node.ts";
import { closeFd, openAt, openDirectory } from "./open.ts";
import { openFlags, resolveFlags } from "./open-flags.ts";

/**
 * A folder that is held open. Names are resolved by the kernel below it (openat2 with RESOLVE_BENEATH), in one step: whoever may write in the
 * folder can exchange a name for a link at any moment, and still leads nobody out of it. The path it was opened by is the caller's to
 * trust. Errors of all methods: SYS_*.
 */
export class Folder {
  /** For the *at calls; an O_PATH descriptor. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static open(path: string): Folder {
    return new Folder(openDirectory(path));
  }

  /**
   * Opens a regular file below; links that stay inside are followed. Undefined when it is not there. What is no regular file is not opened at
   * all (a FIFO would wait, a device might do something). The descriptor is the caller's to close. Errors: SYS_INVALID also for what leads out.
   */
  openFile(name: string, access: "read" | "write" = "read"): number | undefined {
    const place = below(this.fd, name, 0, inside);
    if (place === undefined) return undefined;
    try {
      if (!fstatSync(place).isFile()) throw new StrakeError("SYS_INVALID", `${name} is no regular file`);
      // The file that was looked at, whatever has its name by now.
      return openSync(`/proc/self/fd/${place}`, access === "read" ? "r" : "r+");
    } catch (error) {
      throw fromNodeError(error);
    } finally {
      closeFd(place);
    }
  }

  /** What a name is, links below followed. Undefined when it is not there. */
  stat(name: string): Stats | undefined {
    return this.#stat(name, 0);
  }

  /** What a single name is, itself. */
  lstat(name: string): Stats | undefined {
    return this.#stat(name, openFlags.nofollow);
  }

  /** A folder below, through real folders only. `make`: those that are missing are made. Undefined when it is not there. */
  folder(path: string, options: { readonly make: true }): Folder;
  folder(path: string, options?: { readonly make?: boolean }): Folder | undefined;
  folder(path: string, { make = false }: { readonly make?: boolean } = {}): Folder | undefined {
    let current = openAt(this.fd, ".", { flags: openFlags.path | openFlags.directory });
    try {
      for (const name of path.split("/")) {
        if (make) mkdirAt(current, name, 0o777);
        const next = below(current, name, openFlags.directory | openFlags.nofollow, strict);
        if (next === undefined) return undefined;
        closeFd(current);
        current = next;
      }
      const found = new Folder(current);
      current = -1;
      return found;
    } finally {
      if (current >= 0) closeFd(current);
    }
  }

  /** What is in it. */
  names(): string[] {
    try {
      return readdirSync(`/proc/self/fd/${this.fd}`);
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  /** Removes what a single name is, with all that is in a folder; a link itself, not what it leads to. Nothing happens when it is not there. */
  remove(name: string): void {
    try {
      rmSync(`/proc/self/fd/${this.fd}/${name}`, { recursive: true, force: true });
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  close(): void {
    closeFd(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #stat(name: string, flags: number): Stats | undefined {
    const place = below(this.fd, name, flags, inside);
    if (place === undefined) return undefined;
    try {
      return fstatSync(place);
    } finally {
      closeFd(place);
    }
  }
}

const inside = resolveFlags.beneath | resolveFlags.noMagicLinks;
const strict = resolveFlags.beneath | resolveFlags.noSymlinks;

/** An O_PATH descriptor, or undefined for a name that is not there. */
function below(folder: number, name: string, flags: number, resolve: number): number | undefined {
  try {
    return openAt(folder, name, { flags: openFlags.path | flags, resolve });
  } catch (error) {
    if (error instanceof StrakeError && error.code === "SYS_NOT_FOUND") return undefined;
    throw error;
  }
}

/** As `Folder.open`, but undefined where there is none. */
export function openFolder(path: string): Folder | undefined {
  try {
    return Folder.open(path);
  } catch (error) {
    if (error instanceof StrakeError && error.code === "SYS_NOT_FOUND") return undefined;
    throw error;
  }
}
