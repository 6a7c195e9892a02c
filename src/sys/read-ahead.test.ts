import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCached } from "./is-cached.ts";
import { readAhead } from "./read-ahead.ts";
import { StreamFile } from "./stream-file.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-read-ahead-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const size = 16 << 20;

/** A file that was written past the page cache. */
async function uncached(name: string): Promise<string> {
  const path = join(folder, name);
  const file = new StreamFile(openSync(path, "wx+"), path);
  await file.append(Buffer.alloc(size, name));
  await file.sync();
  await file.close();
  return path;
}

function cached(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    return isCached(fd);
  } finally {
    closeSync(fd);
  }
}

const goesPast = process.platform === "linux" && !cached(await uncached("probe"));

test.skipIf(!goesPast)(
  "what was written past the page cache is there afterwards, as far as it was asked for",
  async () => {
    const path = await uncached("a");
    await readAhead(path, { start: 0, end: size / 4 });
    expect(cached(path)).toBe(false);
    await readAhead(path, { start: size / 4, end: size });
    expect(cached(path)).toBe(true);
    const { promise: others, resolve } = Promise.withResolvers<string>();
    setImmediate(() => resolve("others"));
    // Others have their turn before it is through.
    const next = readAhead(await uncached("b"), { start: 0, end: size }).then(() => "ahead");
    expect(await Promise.race([next, others])).toBe("others");
    await next;
  },
);

test("where there is no such file nothing happens, and nothing stays open", async () => {
  const before = readdirSync("/proc/self/fd").length;
  await readAhead(join(folder, "missing"), { start: 0, end: size });
  const path = join(folder, "short");
  writeFileSync(path, "x");
  await readAhead(path, { start: 0, end: size });
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});
