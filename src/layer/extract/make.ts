import { writeSync } from "node:fs";
import {
  chmodDescriptorPath,
  chownAt,
  closeFd,
  fchmod,
  fchown,
  mknodAt,
  openAt,
  openFlags,
  setTimes,
  setTimesAt,
  setXattr,
  symlinkAt,
} from "../../sys/index.ts";
import { maySetXattr, type Rights } from "./rights.ts";
import type { SourceNode } from "./source.ts";

/*
 * Every call here takes a descriptor of the parent directory and one name in it, and no call follows a symlink at that
 * name: whatever a layer holds, nothing outside the directory can be meant.
 */

export interface Place {
  /** Descriptor of the parent directory. */
  readonly directory: number;
  readonly name: string;
}

export interface Attributes extends SourceNode {
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** Owner, attributes, mode and times of an open file or directory, in the order the kernel needs. */
export function applyToOpen(fd: number, node: Attributes, rights: Rights): void {
  // chown clears setuid, setgid and security.capability, so it comes first.
  if (rights.owners) fchown(fd, node.uid, node.gid);
  for (const [name, value] of node.xattrs) if (maySetXattr(rights, name)) setXattr(fd, name, value);
  fchmod(fd, node.mode);
  const time = { sec: node.mtime, nsec: node.mtimeNsec };
  setTimes(fd, time, time);
}

/** Opens a directory that has to be one itself, not a symlink to one. */
export function openChildDirectory(place: Place): number {
  return openAt(place.directory, place.name, {
    flags: openFlags.readOnly | openFlags.directory | openFlags.nofollow,
  });
}

/** Makes a file that must not exist yet; `fill` writes its bytes before the attributes are set. */
export function makeFile(place: Place, node: Attributes, rights: Rights, fill: (fd: number) => void): void {
  const fd = createFile(place);
  try {
    fill(fd);
    applyToOpen(fd, node, rights);
  } finally {
    closeFd(fd);
  }
}

/** Opens a new, empty file for writing. Errors: SYS_EXISTS. */
export function createFile(place: Place): number {
  const flags = openFlags.writeOnly | openFlags.create | openFlags.exclusive | openFlags.nofollow;
  return openAt(place.directory, place.name, { flags, mode: 0o600 });
}

/** Writes all bytes at a position. */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

export function makeSymlink(place: Place, node: Attributes, target: string, rights: Rights): void {
  symlinkAt(target, place.directory, place.name);
  if (rights.owners) chownAt(place.directory, place.name, node.uid, node.gid);
  setXattrsAt(place, node, rights);
  setNodeTimes(place, node);
}

/** A device, fifo or socket. Devices that cannot be made with these rights are left out; whiteouts (0:0) always can. */
export function makeSpecial(place: Place, node: Attributes, rights: Rights): void {
  if (node.type !== "char" && node.type !== "block" && node.type !== "fifo" && node.type !== "socket") return;
  const isDevice = node.type === "char" || node.type === "block";
  const isWhiteout = node.type === "char" && node.devmajor === 0 && node.devminor === 0;
  if (isDevice && !isWhiteout && !rights.devices) return;
  mknodAt(place.directory, place.name, {
    type: node.type,
    mode: 0,
    major: node.devmajor,
    minor: node.devminor,
  });
  if (isWhiteout) return;
  if (rights.owners) chownAt(place.directory, place.name, node.uid, node.gid);
  setXattrsAt(place, node, rights);
  const fd = openAt(place.directory, place.name, { flags: openFlags.path | openFlags.nofollow });
  try {
    chmodDescriptorPath(fd, node.mode);
  } finally {
    closeFd(fd);
  }
  setNodeTimes(place, node);
}

function setXattrsAt(place: Place, node: Attributes, rights: Rights): void {
  for (const [name, value] of node.xattrs) {
    // There is no setxattrat before Linux 6.13. The magic link leads to the very directory, and the name in it is not followed. The
    // kernel refuses user.* on anything but files and directories, which an archive may still hold.
    if (maySetXattr(rights, name) && !name.startsWith("user."))
      setXattr(`/proc/self/fd/${place.directory}/${place.name}`, name, value);
  }
}

function setNodeTimes(place: Place, node: Attributes): void {
  const time = { sec: node.mtime, nsec: node.mtimeNsec };
  setTimesAt(place.directory, place.name, time, time);
}
