import { chmodSync, lstatSync, mkdirSync, readlinkSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import { nodePath } from "../../sys/index.ts";
import type { Mount } from "../spec/types.ts";

/** As many links as the kernel follows in one path. */
const maxLinks = 40;

export interface Resolved {
  /** Absolute inside the root, without `.`, `..` or links. */
  readonly path: string;
  readonly kind: "file" | "directory" | "missing";
}

/**
 * Where a path of a container leads inside its root, following links as if after chroot: `..` and absolute links never
 * leave it. What does not exist is taken literally, so that the result names the place where it would be made. Only for
 * roots in which nothing runs: between the look and the use a running process could put a link in the way.
 */
export function resolveInRoot(root: string, path: string): Resolved {
  const rest = path.split("/").reverse();
  let current = "";
  let kind: Resolved["kind"] = "directory";
  let links = 0;
  while (rest.length > 0) {
    const name = rest.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      current = current.slice(0, Math.max(0, current.lastIndexOf("/")));
      kind = "directory";
      continue;
    }
    const next = `${current}/${name}`;
    const stat: Stats | undefined =
      kind === "missing" ? undefined : lstatSync(nodePath(root + next), { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) {
      if (++links > maxLinks)
        throw new StrakeError("CONTAINER_PATH_INVALID", `too many levels of symbolic links in ${path}`);
      const target = readlinkSync(nodePath(root + next));
      if (target.startsWith("/")) current = "";
      rest.push(...target.split("/").reverse());
      continue;
    }
    if (kind === "file") throw notDirectory(path);
    current = next;
    kind = stat === undefined ? "missing" : stat.isDirectory() ? "directory" : "file";
  }
  return { path: current === "" ? "/" : current, kind };
}

/** Makes a directory and its parents inside a root in which nothing runs, whatever the caller's umask; gives its path without links. */
export function makeDirectoryInRoot(root: string, path: string, mode = 0o755): string {
  const resolved = resolveInRoot(root, path);
  if (resolved.kind === "file") throw notDirectory(path);
  if (resolved.kind === "missing") makeWithParents(root + resolved.path, mode);
  return resolved.path;
}

function makeWithParents(path: string, mode: number): void {
  if (lstatSync(nodePath(path), { throwIfNoEntry: false }) !== undefined) return;
  makeWithParents(dirname(path), mode);
  mkdirSync(nodePath(path));
  chmodSync(nodePath(path), mode);
}

/**
 * The working directory of a process, made if it is missing. Below /proc a directory may be a way out: a runtime that
 * leaks a descriptor of the host makes /proc/self/fd/N the host's root (CVE-2024-21626), so those are refused.
 */
export function workingDirectory(root: string, cwd: string): string {
  if (!cwd.startsWith("/"))
    throw new StrakeError(
      "CONTAINER_PATH_INVALID",
      `the working directory "${cwd}" is not an absolute path`,
      {
        exitCode: 125,
      },
    );
  const { path } = resolveInRoot(root, cwd);
  if (/^\/proc(\/|$)/.test(path))
    throw new StrakeError("CONTAINER_PATH_INVALID", `the working directory "${cwd}" leads into /proc`, {
      hint: "A directory of a process can lead out of the container; choose another one.",
      exitCode: 125,
    });
  makeDirectoryInRoot(root, path);
  return cwd;
}

/**
 * Mounts with their destinations as they are in the root, links followed: a runtime refuses a link that leads to
 * nothing, which is what /etc/resolv.conf of many images is.
 */
export function resolveMounts(root: string, mounts: readonly Mount[]): Mount[] {
  return mounts.map((mount) => {
    const { path } = resolveInRoot(root, mount.destination);
    if (path !== "/") return { ...mount, destination: path };
    throw new StrakeError(
      "CONTAINER_PATH_INVALID",
      `${mount.destination} leads to the root: nothing can be mounted there`,
      {
        exitCode: 125,
      },
    );
  });
}

/**
 * Refuses a root whose /dev, /proc or /sys is anything but a directory. runc 1.1 mounts inside the root, as it must, but then makes fd,
 * stdin, ptmx … through the link: in a folder of the host (the kin of CVE-2021-30465 and CVE-2025-52565).
 */
export function checkSystemFolders(root: string): void {
  for (const path of ["/dev", "/proc", "/sys"]) {
    const stat = lstatSync(nodePath(root + path), { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    throw new StrakeError("CONTAINER_PATH_INVALID", `${path} of the image is not a directory`, {
      hint: "Nothing can be mounted there. An image with a link in that place was made to reach the host.",
      exitCode: 125,
    });
  }
}

function notDirectory(path: string): StrakeError {
  return new StrakeError("CONTAINER_PATH_INVALID", `${path} is not a directory in the container`, {
    exitCode: 125,
  });
}
