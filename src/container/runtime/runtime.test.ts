import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, Runtime } from "./runtime.ts";

const runRoot = mkdtempSync(join(tmpdir(), "strake-runtime-"));
afterAll(() => rmSync(runRoot, { recursive: true, force: true }));

const wanted = process.env.STRAKE_RUNTIME;
afterEach(() => {
  if (wanted === undefined) delete process.env.STRAKE_RUNTIME;
  else process.env.STRAKE_RUNTIME = wanted;
});

const obstacle = ["crun", "runc"].some((name) => findProgram(name) === undefined);
if (obstacle) console.log("skipped: crun and runc are not both installed");

test("a runtime that does not exist is refused, not passed over", () => {
  process.env.STRAKE_RUNTIME = "cruun";
  expect(() => Runtime.find({ runRoot })).toThrow('there is no runtime "cruun"');
});

test.skipIf(obstacle)("STRAKE_RUNTIME picks one; empty is as not set", () => {
  process.env.STRAKE_RUNTIME = "runc";
  expect(Runtime.find({ runRoot }).name).toBe("runc");
  process.env.STRAKE_RUNTIME = "";
  expect(Runtime.find({ runRoot }).name).toBe("crun");
});

test.skipIf(obstacle)("a container that is there belongs to the one that made it", () => {
  mkdirSync(join(runRoot, "runtime", "runc", "old"), { recursive: true });
  const crun = Runtime.find({ runRoot, prefer: "crun" });
  expect(crun.makerOf("old").command("exec")).toEqual([
    findProgram("runc")!,
    "--root",
    `${runRoot}/runtime/runc`,
    "exec",
  ]);
  expect(crun.makerOf("none")).toBe(crun);
});
