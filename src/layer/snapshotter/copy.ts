import { existsSync, lstatSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromNodeError } from "../../sys/index.ts";
import { removeTree } from "../extract/index.ts";
import { Tree } from "../tree/index.ts";
import type { Mount, MountRequest, Snapshotter } from "./snapshotter.ts";
import { diskUsage } from "./usage.ts";

/**
 * Every root file system is a full copy of the image. Works everywhere, also without root, at the price of time and disk. The
 * files are at `rootfs` in the workspace; nothing is mounted on the target.
 */
export const copySnapshotter: Snapshotter = {
  name: "copy",
  mounts: false,

  async prepare() {},

  async mount(request) {
    const rootfs = rootfsOf(request.workspace);
    if (!existsSync(rootfs)) await copyImage(request, rootfs);
    return mountOf(rootfs);
  },

  unmount() {},

  async *diff({ workspace, layers }, options = {}) {
    if (!existsSync(rootfsOf(workspace))) return;
    const { diffAgainst } = await import("./diff-against.ts");
    using tree = Tree.open(layers);
    yield* diffAgainst(tree, rootfsOf(workspace), { ...options, copied: copiedAt(workspace) });
  },

  usage: (workspace) => diskUsage(rootfsOf(workspace)),
  discard: removeTree,
};

function mountOf(rootfs: string): Mount {
  return { rootfs, unmount() {} };
}

function rootfsOf(workspace: string): string {
  return join(workspace, "rootfs");
}

/** A file whose mtime is the moment the copy was complete: whatever has a later ctime may have been changed since. */
function stampOf(workspace: string): string {
  return join(workspace, "copied");
}

function copiedAt(workspace: string): bigint {
  try {
    return lstatSync(stampOf(workspace), { bigint: true }).mtimeNs;
  } catch {
    return 0n;
  }
}

async function copyImage(request: MountRequest, rootfs: string): Promise<void> {
  const temporary = `${rootfs}.tmp`;
  try {
    removeTree(temporary);
    mkdirSync(temporary, { mode: 0o700 });
    const { extractTree } = await import("../extract/extract.ts");
    const { treeSource } = await import("../extract/source.ts");
    using tree = Tree.open(request.layers);
    await extractTree(treeSource(tree), temporary, { signal: request.signal });
    writeFileSync(stampOf(request.workspace), "");
    renameSync(temporary, rootfs);
  } catch (error) {
    removeTree(temporary);
    throw fromNodeError(error);
  }
}
