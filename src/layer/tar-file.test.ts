import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../oci/index.ts";
import { TarFile } from "./tar-file.ts";

function inFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "strake-tar-file-"));
  return action(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

test.each([false, true])(
  "the file holds what was appended, in order; event loop turns between: %p",
  (turns) =>
    inFolder(async (folder) => {
      const path = join(folder, "layer.tar");
      const file = new TarFile(path);
      const parts: Buffer[] = [];
      for (let i = 0; i < 60; i++) {
        // Larger than a buffer, smaller, and empty, so that writes run on both threads.
        const part = Buffer.alloc((i * 37_777) % 1_300_000, `${i},`);
        file.append(part);
        parts.push(Buffer.from(part));
        // The caller may reuse its memory at once.
        part.fill(0);
        file.appendZeros(i * 100);
        parts.push(Buffer.alloc(i * 100));
        if (turns) await new Promise(setImmediate);
      }
      const expected = Buffer.concat(parts);
      expect(file.length).toBe(expected.length);
      expect(await file.finish()).toBe(sha256(expected));
      expect(Buffer.compare(file.read(1_000_000, 5000), expected.subarray(1_000_000, 1_005_000))).toBe(0);
      file.close();
      expect(readFileSync(path).equals(expected)).toBe(true);
    }),
);

test("closing while writes are under way neither fails nor waits", () =>
  inFolder(async (folder) => {
    const file = new TarFile(join(folder, "layer.tar"));
    file.append(Buffer.alloc(3 << 20));
    file.close();
    file.close();
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  }));

/** A file system of one megabyte, if this machine lets us mount one. */
const tiny = mkdtempSync(join(tmpdir(), "strake-tiny-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", tiny]).status === 0;
if (!mounted) console.log("skipped: mounting a small tmpfs needs root");
if (mounted) spawnSync("umount", [tiny]);
rmSync(tiny, { recursive: true, force: true });

test.skipIf(!mounted).each([false, true])(
  "a full disk is an error, not a short file; event loop turns between: %p",
  (turns) =>
    inFolder(async (folder) => {
      spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder]);
      const file = new TarFile(join(folder, "layer.tar"));
      try {
        const writing = (async () => {
          for (let i = 0; i < 30; i++) {
            file.append(Buffer.alloc(100_000, "x"));
            if (turns) await new Promise(setImmediate);
          }
          return await file.finish();
        })();
        expect(
          await writing.then(
            () => "none",
            (error) => error.code,
          ),
        ).toBe("SYS_EXHAUSTED");
      } finally {
        file.close();
        for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
        spawnSync("umount", [folder]);
      }
    }),
);
