import { lstatSync, readdirSync } from "node:fs";
import { errnoOf, fromNodeError } from "../../sys/index.ts";
import type { Usage } from "./snapshotter.ts";

/** Disk space of a directory and all in it, hardlinks counted once; nothing when it does not exist. Follows no symlink. */
export async function diskUsage(directory: string): Promise<Usage> {
  const seen = new Set<number>();
  let bytes = 0;
  const pending: Buffer[] = [Buffer.from(directory)];
  for (let path = pending.pop(), count = 1; path !== undefined; path = pending.pop(), count++) {
    if (count % 1024 === 0) await new Promise((resolve) => setImmediate(resolve));
    const stat = unlessGone(() => lstatSync(path!));
    if (stat === undefined || seen.has(stat.ino)) continue;
    seen.add(stat.ino);
    bytes += stat.blocks * 512;
    if (!stat.isDirectory()) continue;
    const slash = Buffer.from("/");
    for (const name of unlessGone(() => readdirSync(path!, { encoding: "buffer" })) ?? [])
      pending.push(Buffer.concat([path, slash, name]));
  }
  return { bytes, inodes: seen.size };
}

/** A running container may remove what was just listed. */
function unlessGone<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw fromNodeError(error);
  }
}
