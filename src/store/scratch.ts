import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeError } from "./disk.ts";
import type { Layout } from "./layout.ts";
import { removeTree } from "./remove-tree.ts";
import { temporaryName } from "./temporary.ts";

/** A folder for a running operation, on the file system of the layers. Collected when its process is gone. */
export interface Scratch {
  readonly path: string;
  /** Removes it with all it holds. Idempotent. Refuses while something is mounted in it. */
  remove(): void;
  [Symbol.dispose](): void;
}

export function createScratch(layout: Layout): Scratch {
  const path = join(layout.work, temporaryName());
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    throw writeError(error);
  }
  const remove = () => removeTree(path);
  return { path, remove, [Symbol.dispose]: remove };
}
