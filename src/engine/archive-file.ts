import { closeSync, lstatSync, openSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { isInterruption, StrakeError } from "../errors/index.ts";
import { digestHex, sha256 } from "../oci/index.ts";
import { treeSize } from "../store/index.ts";
import {
  Folder,
  leastKept,
  openingTarget,
  sweepTemporaries,
  Temporary,
  writeAll,
  writingTo,
} from "../sys/index.ts";
import type { TarSink } from "../tar/index.ts";

/**
 * Writes a file that has its final name only when it is complete: half an archive is never left for somebody to load. What killed writers left
 * in its folder goes first. A file that is there is replaced only with `replace`, where a link leads to; then a device or FIFO is
 * written into. Errors: USAGE when something is at the path.
 */
export async function writeArchiveFile(
  path: string,
  { replace }: { readonly replace: boolean },
  write: (sink: TarSink) => Promise<void>,
): Promise<void> {
  const place = replace ? behindLinks(path) : resolve(path);
  const there = statSync(place, { throwIfNoEntry: false });
  if (replace && there !== undefined && !there.isFile()) return await writeInto(place, write);
  using folder = openingTarget(dirname(place), () => Folder.open(dirname(place)));
  sweepTemporaries(folder);
  using temporary = openingTarget(dirname(place), () => Temporary.file(folder, { mode: 0o600 }));
  await writingTo(path, () => write((chunk) => writeAll(temporary.fd, chunk)));
  try {
    temporary.place(folder, basename(place), { replace });
  } catch (error) {
    throw error instanceof StrakeError && error.code === "SYS_EXISTS" ? isThere(path) : error;
  }
}

/**
 * A folder beside the path, where there is room for what is to be there; gone afterwards. When `work` is interrupted with much in it, and when we are killed, it
 * stays, and the next call for this path gets it with what is in it.
 */
export async function withFolderBeside<T>(path: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = dirname(resolve(path));
  const digits = digestHex(sha256(basename(path)));
  using folder = openingTarget(parent, () => Folder.open(parent));
  sweepTemporaries(folder);
  using temporary = openingTarget(parent, () => Temporary.partialFolder(folder, { digits }));
  // The folder that was made, whatever has its name by now: others may write beside it.
  const place = `/proc/self/fd/${temporary.fd}`;
  try {
    return await work(place);
  } catch (error) {
    if (isOfTheWay(error) && treeSize(`${place}/.`) >= leastKept) temporary.suspend();
    throw error;
  }
}

/** Whether what came so far is not to blame, and no full disk. */
function isOfTheWay(error: unknown): boolean {
  return isInterruption(error) || (error instanceof StrakeError && error.code.startsWith("REGISTRY_"));
}

async function writeInto(path: string, write: (sink: TarSink) => Promise<void>): Promise<void> {
  if (statSync(path).isDirectory()) throw new StrakeError("USAGE", `${path} is a folder`);
  const fd = openSync(path, "w");
  try {
    await write((chunk) => writeAll(fd, chunk));
  } finally {
    closeSync(fd);
  }
}

function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Errors: USAGE when there is something at the path: an archive is made, never changed. */
export function demandNothingAt(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw isThere(path);
}

function isThere(path: string): StrakeError {
  return new StrakeError("USAGE", `${path} exists already`, {
    hint: "remove it, or name another file; to add images to a layout copy to oci:FOLDER",
  });
}
