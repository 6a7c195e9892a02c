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

test("all of a folder, and another one's on the way", () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-stats-"));
  try {
    const names = Array.from({ length: 1200 }, (_, i) => `file${i}${"x".repeat(i % 200)}`);
    for (const [i, name] of names.entries()) writeFileSync(join(folder, name), "x".repeat(i % 50));
    writeFileSync(join(folder, "é"), "abc");
    using stats = new FolderStats(folder);
    const seen: [string, number][] = [];
    stats.lookAll([...names.slice(0, 700), "gone", "é", ...names.slice(700)], (name) => {
      seen.push([name, stats.size]);
      if (seen.length % 100 !== 1) return;
      using other = new FolderStats("/etc");
      const found: string[] = [];
      other.lookAll(readdirSync("/etc"), (each) => found.push(each));
      expect(found).toEqual(readdirSync("/etc"));
    });
    expect(seen).toEqual([
      ...names.slice(0, 700).map((name, i) => [name, i % 50] as [string, number]),
      ["é", 3],
      ...names.slice(700).map((name, i) => [name, (i + 700) % 50] as [string, number]),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a folder that is none is an error", () => {
  expect(() => new FolderStats("/etc/hostname")).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
});
