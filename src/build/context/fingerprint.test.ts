import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IgnoreMatcher, parseIgnoreRule } from "../../dockerfile/index.ts";
import { matchSources } from "../copy/match.ts";
import { BuildContext } from "./context.ts";

let folder: string;
/** Older than what a clock's grain could hide. */
const past = new Date(Date.now() - 3600_000);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "strake-print-"));
  for (const path of ["a/x", "a/deep/er/y", "b", "caf\u00e9"]) write(path, path);
  symlinkSync("b", join(folder, "link"));
  await Bun.sleep(50);
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
  utimesSync(join(folder, path), past, past);
}

function print(pattern = ".", rules: readonly string[] = []) {
  const ignore = new IgnoreMatcher(rules.flatMap((rule) => parseIgnoreRule(rule) ?? []));
  const context = new BuildContext(folder, rules.length > 0 ? { ignore } : {});
  return context.fingerprint(matchSources(context, pattern) as never);
}

describe("fingerprint", () => {
  test("is the same for the same files", () => {
    expect(print()).toStartWith("sha256:");
    expect(print()).toBe(print()!);
  });

  test.each([
    ["a content", () => write("a/deep/er/y", "other")],
    ["a file more", () => write("a/z", "z")],
    ["a file less", () => rmSync(join(folder, "a/x"))],
    ["a name", () => renameSync(join(folder, "a/x"), join(folder, "a/w"))],
    ["a place", () => renameSync(join(folder, "a/x"), join(folder, "a/deep/x"))],
  ])("%s changes it", async (_, change) => {
    const before = print();
    change();
    await Bun.sleep(50);
    const after = print();
    expect(after).toStartWith("sha256:");
    expect(after).not.toBe(before!);
  });

  test("what an ignore file hides does not count", async () => {
    const rules = ["a/deep", "link", "!a/deep/er/y"];
    const before = print(".", ["a/x"]);
    const inPart = print(".", rules);
    expect(inPart).toStartWith("sha256:");
    write("a/x", "changed");
    await Bun.sleep(50);
    expect(print(".", ["a/x"])).toBe(before!);
    expect(print(".", rules)).not.toBe(inPart!);
  });

  test("a file that may change again without a trace has none", () => {
    writeFileSync(join(folder, "a/new"), "young");
    expect(print()).toBeUndefined();
    expect(print("b")).toStartWith("sha256:");
  });

  test("a path that is not there has none", () => {
    expect(print("nothing")).toBeUndefined();
  });

  test("a folder of more names than are listed together", async () => {
    for (let i = 0; i < 2500; i++) writeFileSync(join(folder, `many${i}`), "");
    await Bun.sleep(50);
    const before = print();
    writeFileSync(join(folder, "many2400"), "x");
    await Bun.sleep(50);
    expect(before).toStartWith("sha256:");
    expect(print()).not.toBe(before!);
  });

  test("a pattern's matches count by name", () => {
    expect(print("a*")).toBe(print("a")!);
    expect(print("[ab]")).not.toBe(print("a")!);
    expect(print("[ab]")).toBe(print("[ba]")!);
  });
});
