import { check, libc } from "./libc.ts";
import { cPath } from "./path.ts";

/** What statfs(2) says of a mounted file system. Sizes in bytes. */
export interface FileSystemStat {
  /** Kernel's name where known (`ext4`, `overlay`), else the magic number in hex. */
  readonly type: string;
  readonly magic: number;
  readonly blockSize: number;
  readonly total: number;
  readonly free: number;
  /** Free for users who are not root. */
  readonly available: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

const names: Readonly<Record<number, string>> = {
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  16914836: "tmpfs",
  2240043254: "ramfs",
  2035054128: "overlay",
  3774210530: "erofs",
  1936814952: "squashfs",
  26985: "nfs",
  1702057286: "fuse",
  801189825: "zfs",
  4076150800: "f2fs",
  3393526350: "bcachefs",
  19780: "vfat",
  40864: "proc",
  1650812274: "sysfs",
  2613483: "cgroup",
  1667723888: "cgroup2",
  16914839: "9p",
  4283649346: "cifs",
  1785031267: "virtiofs",
};

/** The file system that holds `path` (symlinks followed). */
export function statfs(path: string): FileSystemStat {
  // struct statfs is 120 bytes of 64-bit words on x86_64 and arm64.
  const bytes = new Uint8Array(128);
  check(libc().statfs(cPath(path), bytes), "statfs", path);
  const view = new DataView(bytes.buffer);
  const word = (index: number) => Number(view.getBigUint64(index * 8, true));
  const magic = view.getUint32(0, true);
  const blockSize = word(1);
  return {
    type: names[magic] ?? `0x${magic.toString(16)}`,
    magic,
    blockSize,
    total: word(2) * blockSize,
    free: word(3) * blockSize,
    available: word(4) * blockSize,
    inodes: word(5),
    inodesFree: word(6),
  };
}
