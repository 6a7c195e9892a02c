import { constants, mkdirSync, renameSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Changes to a folder of files that are on the disk when they resolve. Flushing waits in Node's threads. */
export class Durable {
  readonly #temporary: string;

  constructor(root: string) {
    this.#temporary = join(root, "temporary");
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#temporary, crypto.randomUUID());
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
    await this.rename(temporary, path);
  }

  /** Moves a file whose content is already flushed. */
  async rename(from: string, to: string): Promise<void> {
    const folder = dirname(to);
    try {
      renameSync(from, to);
    } catch (error) {
      if (!missing(error)) throw error;
      const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
      renameSync(from, to);
      // A new folder is an entry of the one above it, which has to be on the disk too.
      if (made)
        for (let at = folder; at.length >= made.length; at = dirname(at)) await flushFolder(dirname(at));
    }
    await flushFolder(folder);
  }

  async remove(path: string): Promise<void> {
    await unlink(path);
    await flushFolder(dirname(path));
  }
}

async function flushFolder(path: string): Promise<void> {
  let folder: FileHandle;
  try {
    folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (missing(error)) return;
    throw error;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function errnoOfFile(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? "failed";
}

export function missing(error: unknown): boolean {
  const code = errnoOfFile(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
