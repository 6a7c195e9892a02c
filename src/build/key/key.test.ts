import { describe, expect, test } from "bun:test";
import { sha256 } from "../../oci/index.ts";
import { explainMiss } from "./explain.ts";
import { chainOf, keyOf, type StepInputs } from "./inputs.ts";

const run: StepInputs = {
  operation: "RUN 1",
  parent: chainOf([]),
  command: ["/bin/sh", "-c", "make"],
  environment: { A: "1", PATH: "/bin" },
};

describe("keys", () => {
  test("do not depend on the order in which inputs were collected", () => {
    const { environment: _, ...rest } = run;
    expect(keyOf({ environment: { PATH: "/bin", A: "1" }, ...rest })).toBe(keyOf(run));
  });
  test.each([
    ["operation", { operation: "RUN 2" }],
    ["parent", { parent: chainOf([sha256(new Uint8Array())]) }],
    ["command", { command: ["/bin/sh", "-c make"] }],
    ["environment", { environment: { A: "2", PATH: "/bin" } }],
  ] as [string, Partial<StepInputs>][])("depend on %s", (input, change) => {
    const changed = { ...run, ...change } as StepInputs;
    expect(keyOf(changed)).not.toBe(keyOf(run));
    expect(explainMiss(run, changed)?.input).toBe(input);
  });
});

describe("why a step missed", () => {
  test("names the variable and both values", () => {
    const now = { ...run, environment: { A: "2", PATH: "/bin" } };
    expect(explainMiss(run, now)).toEqual({ input: "environment", item: "A", before: "1", now: "2" });
  });
  test("names a variable that came or went", () => {
    const now = { ...run, environment: { PATH: "/bin" } };
    expect(explainMiss(run, now)).toEqual({ input: "environment", item: "A", before: "1", now: undefined });
  });
  test("names the file that changed", () => {
    const copy = (file: string): StepInputs => ({
      operation: "COPY 1",
      parent: "",
      content: file,
      files: `a\0file 644 0:0 x\0b\0${file}\0`,
    });
    expect(explainMiss(copy("file 644 0:0 y"), copy("file 755 0:0 y"))).toEqual({
      input: "files",
      item: "b",
      before: "file 644 0:0 y",
      now: "file 755 0:0 y",
    });
  });
  test("says nothing when nothing differs", () => {
    expect(explainMiss(run, { ...run })).toBeUndefined();
  });
});
