import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where scripts/fetch-fsck-erofs puts a fsck.erofs that knows 512-byte blocks (Debian 12's 1.5 does not). */
const wrapper = join(
  process.env.STRAKE_CACHE ?? join(homedir(), ".cache", "strake"),
  "fsck-erofs",
  "fsck.erofs",
);

/** Path of the checker, or undefined with the reason for a skip. */
export function findFsck(): { path?: string; reason?: string } {
  const path = process.env.FSCK_EROFS ?? wrapper;
  if (existsSync(path)) return { path };
  return { reason: `no fsck.erofs of version 1.8 at ${path}: run scripts/fetch-fsck-erofs` };
}

/**
 * What the checker has to say against an image; empty when it is content. `--extract` makes it read all data too. It
 * gets a copy without superblock checksum: erofs-utils 1.8 sums up 2^32 - 512 bytes and crashes when blocks are smaller
 * than 1024 (the kernel, which checks the sum at each mount, has the length right).
 */
export function runFsck(path: string, image: string, tar: string): string {
  const copy = `${image}.fsck`;
  const bytes = readFileSync(image);
  bytes.writeUInt32LE(0, 1024 + 4);
  bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
  writeFileSync(copy, bytes);
  const result = spawnSync(path, [`--device=${tar}`, "--extract", copy], { encoding: "utf8" });
  rmSync(copy);
  return result.status === 0
    ? ""
    : `fsck.erofs exits ${result.status ?? result.signal}: ${result.stdout}${result.stderr}`;
}
