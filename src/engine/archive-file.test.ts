import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { withFolderBeside } from "./archive-file.ts";

let home = "";
const at = (...names: string[]) => join(home, ...names);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-beside-"));
  mkdirSync(at("in"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("a folder beside a file is the one that was made, also when somebody gives its name to a link", async () => {
  mkdirSync(at("theirs"));
  await withFolderBeside(at("in", "image.tar"), async (folder) => {
    const [name] = readdirSync(at("in"));
    renameSync(at("in", name!), at("in", "moved"));
    symlinkSync("../theirs", at("in", name!));
    writeFileSync(join(folder, "blob"), "ours");
    mkdirSync(join(folder, "blobs"), { recursive: true });
  });
  expect(readdirSync(at("theirs"))).toEqual([]);
  expect(readdirSync(at("in", "moved")).sort()).toEqual(["blob", "blobs"]);
});

test("a folder beside a file stays when it was interrupted with much in it, and the next call has it", async () => {
  const lost = new StrakeError("REGISTRY_UNREACHABLE", "gone");
  const fill = (bytes: number) =>
    withFolderBeside(at("in", "image.tar"), async (folder) => {
      mkdirSync(join(folder, "blobs"));
      writeFileSync(join(folder, "blobs", "blob"), Buffer.alloc(bytes, "x"));
      throw lost;
    });
  await expect(fill(1000)).rejects.toBe(lost);
  expect(readdirSync(at("in"))).toEqual([]);
  await expect(fill(2 << 20)).rejects.toBe(lost);
  expect(readdirSync(at("in"))).toHaveLength(1);
  await withFolderBeside(at("in", "image.tar"), async (folder) => {
    expect(readFileSync(join(folder, "blobs", "blob"))).toHaveLength(2 << 20);
  });
  expect(readdirSync(at("in"))).toEqual([]);
});
