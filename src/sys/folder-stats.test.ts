import { expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderStats } from "./index.ts";

function compare(folder: string, names: readonly string[]): void {
  using stats = new FolderStats(folder);
  for (const name of names) {
    const { mode, size, mtimeMs, ctimeMs, ino, dev, rdev } = lstatSync(join(folder, name));
    expect(stats.look(name)).toBe(true);
    const { mode: m, size: s, mtimeMs: mt, ctimeMs: ct, ino: i, dev: d, rdev: r } = stats;
    expect([name, m, s, mt, ct, i, d, r]).toEqual([name, mode, size, mtimeMs, ctimeMs, ino, dev, rdev]);
  }
}

test("says what lstat says: files, links, devices, times before 1970, names in UTF-8", () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-stats-"));
  try {
    writeFileSync(join(folder, "é x"), "abc");
    writeFileSync(join(folder, "old"), "");
    utimesSync(join(folder, "old"), -1000.5, -1000.5);
    symlinkSync("nowhere", join(folder, "link"));
    compare(folder, ["é x", "old", "link"]);
    compare("/dev", ["null", "zero", "tty"]);
    compare("/etc", readdirSync("/etc"));
    compare("/", ["proc", "dev"]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.of(0xe9)]), "latin1");
    using stats = new FolderStats(folder);
    expect([stats.look("caf\udce9"), stats.size, stats.look("gone")]).toEqual([true, 6, false]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a folder that is none is an error", () => {
  expect(() => new FolderStats("/etc/hostname")).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
});
