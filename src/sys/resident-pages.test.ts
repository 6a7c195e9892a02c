import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, ResidentPages } from "./index.ts";

const mebi = 1 << 20;
let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "strake-resident-"));
  path = join(folder, "file");
  writeFileSync(path, Buffer.alloc(64 * mebi, "0123456789abcdef"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const filesResident = () => (Number(readFileSync("/proc/self/statm", "latin1").split(" ")[2]) * 4096) / mebi;

test("a private mapping that is read all over takes a small part of its file, and stays what it is", () => {
  const bytes = Bun.mmap(path, { shared: false });
  const pages = new ResidentPages(addressOf(bytes));
  const before = filesResident();
  let most = 0;
  for (let i = 0; i < 4096; i++) {
    const at = ((i * 2_654_435_761) % bytes.length) & ~15;
    expect(Buffer.from(bytes.subarray(at, at + 16)).toString()).toBe("0123456789abcdef");
    if (i % 4 !== 0) continue;
    pages.release(bytes.length);
    most = Math.max(most, filesResident() - before);
  }
  pages.close();
  pages.close();
  expect(most).toBeLessThan(16);
});
