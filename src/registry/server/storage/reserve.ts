import { existsSync, rmSync, writeFileSync } from "node:fs";
import { StrakeError } from "../../../errors/index.ts";

const size = 1 << 20;

/**
 * Space set aside for deleting and collecting, which write before they free: without it a disk that is full to its last
 * block could never be emptied. Pushes do not get it.
 */
export class Reserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Sets it aside again, where there is room for it. */
  keep(): void {
    if (existsSync(this.#path)) return;
    try {
      // Real bytes: a file with a hole would reserve nothing.
      writeFileSync(this.#path, Buffer.alloc(size, 0xff), { mode: 0o600 });
    } catch {
      rmSync(this.#path, { force: true });
    }
  }

  /** Does `work`; when the disk is full, once more with the reserve given up. */
  async with<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isFull = error instanceof StrakeError && error.code === "REGISTRY_FULL";
      if (!isFull || !existsSync(this.#path)) throw error;
      rmSync(this.#path, { force: true });
      return await work();
    }
  }
}
