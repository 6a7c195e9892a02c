import { expect, test } from "bun:test";
import { execve } from "./index.ts";

test("the program gets its words and its environment, and nothing else", () => {
  const script = `import { execve } from ${JSON.stringify(import.meta.resolve("./index.ts"))};
    execve("/bin/sh", ["called so", "-c", 'echo "$0|$1|$CITY|$HOME|$$"', "zero", "é x"], { CITY: "Zürich", NO: undefined });`;
  const child = Bun.spawnSync([process.execPath, "-e", script], { stderr: "pipe" });
  expect(child.stderr.toString()).toBe("");
  expect(child.stdout.toString()).toBe(`zero|é x|Zürich||${child.pid}\n`);
});

test("a program that is not there is an error", () => {
  expect(() => execve("/does/not/exist", ["x"], {})).toThrow(
    expect.objectContaining({ code: "SYS_NOT_FOUND" }),
  );
});
