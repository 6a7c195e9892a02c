import { readdirSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import {
  Collections,
  chmodDescriptorPath,
  closeFd,
  errnoOf,
  fromNodeError,
  openAt,
  openDirectory,
  openFlags,
  PackedNames,
  removeEmptyAt,
  removeFileAt,
  resolveFlags,
  rmdirAt,
  unlinkAt,
} from "../../sys/index.ts";
import { decodePath } from "../../tar/index.ts";

/** Counts names; over a tree of 100,000 files 50 MB would pile up. */
const collections = new Collections({ every: 1000, fullEvery: 30 });

/**
 * Removes a directory and everything in it. It goes down by descriptors and follows no symlink, copes with names
 * that are not UTF-8 and with directories that their owner cannot enter (overlayfs's work directory has mode 0). Idempotent. Mounted
 * file systems inside are not emptied: SYS_BUSY.
 */
export function removeTree(path: string): void {
  const slash = path.lastIndexOf("/");
  let parent: number;
  try {
    parent = openDirectory(slash <= 0 ? (slash === 0 ? "/" : ".") : path.slice(0, slash));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    removeAt(parent, path.slice(slash + 1));
  } finally {
    closeFd(parent);
  }
}

function removeAt(parent: number, name: string): void {
  // Most names are files, and most of the few directories of a container that wrote nothing are empty.
  if (removeFileAt(parent, name) || removeEmptyAt(parent, name)) return;
  const fd = openToEmpty(parent, name);
  if (fd === undefined) {
    unlinkAt(parent, name);
    return;
  }
  try {
    for (const child of namesIn(fd)) {
      collections.passed(1);
      removeAt(fd, child);
    }
  } finally {
    closeFd(fd);
  }
  rmdirAt(parent, name);
}

/** The directory opened for emptying; undefined when the name is no directory or is gone. */
function openToEmpty(parent: number, name: string): number | undefined {
  // No crossing into what is mounted there: that may be somebody's volume.
  const options = {
    flags: openFlags.readOnly | openFlags.directory | openFlags.nofollow,
    resolve: resolveFlags.noCrossMount,
  };
  try {
    return openAt(parent, name, options);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP") return undefined;
    if (errno === "EXDEV")
      throw new StrakeError("SYS_BUSY", `${name} cannot be removed: something is mounted on it`, {
        cause: error,
      });
    if (errno !== "EACCES") throw error;
  }
  const locked = openAt(parent, name, { flags: openFlags.path | openFlags.directory | openFlags.nofollow });
  try {
    chmodDescriptorPath(locked, 0o700);
  } finally {
    closeFd(locked);
  }
  return openAt(parent, name, options);
}

function namesIn(fd: number): Iterable<string> {
  try {
    const path = `/proc/self/fd/${fd}`;
    const many = PackedNames.ofLarge(path);
    return many ? decoded(many) : readdirSync(path, { encoding: "buffer" }).map(decodePath);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function* decoded(names: PackedNames): Generator<string, void, undefined> {
  for (const bytes of names.bytes()) yield decodePath(bytes);
}
