import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/**
 * What the executable loads for a command: bundled as scripts/build does it, from each command's chunk over all that it imports at once. Every floor
 * that is not needed costs milliseconds of each run; one `import("…/engine/index.ts")` was enough to load them all.
 */
const folder = mkdtempSync(join(tmpdir(), "strake-loaded-"));
const { metafile } = await Bun.build({
  entrypoints: [resolve(import.meta.dir, "../src/cli/main.ts")],
  outdir: folder,
  ...{ target: "bun", format: "esm", splitting: true, minify: true, metafile: true },
});
rmSync(folder, { recursive: true });
const chunks = new Map(Object.entries(metafile!.outputs));

function chunkOf(source: string): string {
  for (const [name, { inputs }] of chunks)
    if (Object.keys(inputs).some((input) => input.endsWith(`src/cli/${source}`))) return name;
  throw new Error(`no chunk holds ${source}`);
}

/** The floors of which there is code in what is loaded before a command's first line, and its engine. */
function loadedFor(command: string): string[] {
  const seen = new Set<string>();
  const load = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const { path, kind } of chunks.get(name)!.imports) if (kind === "import-statement") load(path);
  };
  for (const source of ["main.ts", "open-engine.ts", `commands/${command}.ts`]) load(chunkOf(source));
  const sources = [...seen].flatMap((name) => Object.keys(chunks.get(name)!.inputs));
  return [...new Set(sources.map((path) => /src\/((?:registry\/)?[a-z]+)\//.exec(path)?.[1] ?? path))].sort();
}

const always = ["cli", "engine", "erofs", "errors", "oci", "store", "sys", "tar"];

test.each([
  ["images", []],
  ["build", []],
  ["ps", ["container", "layer"]],
  ["run", ["container", "layer"]],
  ["exec", ["container", "layer"]],
])("%s loads no more than it needs", (command, more) => {
  const expected = [...always, ...more].sort();
  const found = loadedFor(command);
  expect(found.filter((floor) => !expected.includes(floor))).toEqual([]);
  expect(found).toContain("store");
});
