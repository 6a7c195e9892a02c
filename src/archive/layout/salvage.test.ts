import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestHex, sha256 } from "../../oci/index.ts";
import { salvageLayout } from "./salvage.ts";

let home = "";
const at = (...names: string[]) => join(home, ...names);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-salvage-"));
  mkdirSync(at("layout", "blobs", "sha256"), { recursive: true });
  mkdirSync(at("precious", "sha256"), { recursive: true });
  writeFileSync(at("precious", "passwd"), "theirs");
  writeFileSync(at("precious", "sha256", "shadow"), "theirs");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const precious = () => readdirSync(at("precious"), { recursive: true }).sort();

test("of the blobs those stay that are what their names say, and beginnings", async () => {
  const bytes = new TextEncoder().encode("whole");
  const hex = digestHex(sha256(bytes));
  const other = "ab".repeat(32);
  writeFileSync(at("layout", "index.json"), "{}");
  writeFileSync(at("layout", `.strake-part-${other}`), "half");
  writeFileSync(at("layout", "blobs", "sha256", hex), bytes);
  writeFileSync(at("layout", "blobs", "sha256", other), "damaged");
  mkdirSync(at("layout", "blobs", "sha256", "no-digest"));
  await salvageLayout(at("layout"));
  expect(readdirSync(at("layout")).sort()).toEqual([`.strake-part-${other}`, "blobs"]);
  expect(readdirSync(at("layout", "blobs", "sha256"))).toEqual([hex]);
});

test.each([
  ["blobs", "../precious"],
  ["blobs/sha256", "../../precious"],
  [`blobs/sha256/${"cd".repeat(32)}`, "../../../precious/passwd"],
])("a link at %s is gone, and nothing behind it", async (name, target) => {
  rmSync(at("layout", name), { recursive: true, force: true });
  symlinkSync(target, at("layout", name));
  const before = precious();
  await salvageLayout(at("layout"));
  expect(precious()).toEqual(before);
  expect(readdirSync(at("layout"), { recursive: true })).not.toContain(name);
});

test("a FIFO by the name of a blob is not waited for", async () => {
  const name = at("layout", "blobs", "sha256", "cd".repeat(32));
  expect(Bun.spawnSync(["mkfifo", name]).exitCode).toBe(0);
  await salvageLayout(at("layout"));
  expect(readdirSync(at("layout", "blobs", "sha256"))).toEqual([]);
});
