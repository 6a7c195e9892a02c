import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentVariables } from "./environment.ts";

test("help environment names every variable of ours that the sources read", () => {
  const sources = join(import.meta.dir, "../..");
  const read = new Set<string>();
  for (const path of new Bun.Glob("**/*.ts").scanSync({ cwd: sources })) {
    if (path.endsWith(".test.ts") || path === "cli/text/environment.ts") continue;
    for (const [, name] of readFileSync(join(sources, path), "utf8").matchAll(
      /\benv(?:ironment)?\)?\.(STRAKE_[A-Z_]+)/g,
    ))
      read.add(name!);
  }
  const named = Object.keys(environmentVariables).filter((name) => name.startsWith("STRAKE_"));
  expect(named.sort()).toEqual([...read].sort());
});
