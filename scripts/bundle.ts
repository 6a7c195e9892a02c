/**
 * `bun scripts/bundle.ts FOLDER`: packs the program's modules into FOLDER/strake.js and what it loads, in few files for the commands that are run most. A file costs 0.1 ms when it is loaded, whatever is in it, and
 * a bundler that splits by who shares what makes 40 of those that `run` needs (docs/decisions/0065).
 */
import { join } from "node:path";
import { type OutputChunk, type RolldownOutput, rolldown } from "rolldown";

const source = join(import.meta.dir, "..", "src");
const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: scripts/bundle.ts FOLDER");

/**
 * Stays alone in the file that nothing imports. It awaits the whole command at its top level: what is loaded later and shares a file with it would wait for
 * its end, and the command for what is loaded.
 */
const entry = join(source, "cli/main.ts");

/** What is loaded together, first come first: the modules that these reach without a dynamic import, less what is in the packs before. */
const packs = [
  { name: "start", isLean: true, roots: ["cli/main.ts"] },
  {
    name: "run",
    isLean: true,
    roots: ["cli/commands/run.ts", "cli/open-engine.ts", "engine/create.ts", "container/index.ts"],
  },
  { name: "build", isLean: false, roots: ["cli/commands/build.ts", "engine/build.ts"] },
];

/** What lean packs may load at once: 0.05 to 0.2 ms each, and node:fs, which takes one and nobody can do without. node:net would be another. */
const cheap = new Set(["node:fs", "node:os", "node:path", "bun:jsc", "bun:sqlite"]);

const program = await rolldown({
  input: { strake: entry },
  platform: "node",
  external: /^(bun|node)(:|$)/,
  checks: { ineffectiveDynamicImport: false },
});
const shared = await program.generate({ format: "esm" });
const packOf = placeModules(shared);
const written = await program.write({
  dir: folder,
  format: "esm",
  codeSplitting: {
    groups: packs.map(({ name }, index) => ({
      name,
      test: (module: string) => packOf.get(module) === name,
      priority: packs.length - index,
    })),
  },
});
await program.close();
for (const part of written.output) {
  if (part.type !== "chunk") continue;
  if (part.imports.includes("strake.js"))
    throw new Error(`scripts/bundle.ts: ${part.fileName} waits for the file that awaits the command`);
  const costly = part.imports.filter((name) => /^(bun|node):/.test(name) && !cheap.has(name));
  if (packs.some(({ name, isLean }) => isLean && part.name === name) && costly.length > 0)
    throw new Error(
      `scripts/bundle.ts: ${part.fileName} loads ${costly.join(", ")}: ask process.getBuiltinModule`,
    );
}

/** The pack of each module that belongs to one, found from a bundle in which only what is used is left. */
function placeModules({ output }: RolldownOutput): Map<string, string> {
  const chunks = new Map(
    output.filter((part) => part.type === "chunk").map((chunk) => [chunk.fileName, chunk]),
  );
  const places = new Map<string, string>();
  for (const { name, roots } of packs)
    for (const root of roots) {
      const begin = [...chunks.values()].find((chunk) => chunk.facadeModuleId === join(source, root));
      if (begin === undefined)
        throw new Error(`scripts/bundle.ts: nothing is loaded from src/${root} any more`);
      for (const chunk of loadedWith(begin, chunks))
        for (const [module, { renderedLength }] of Object.entries(chunk.modules))
          if (renderedLength > 0 && !places.has(module) && module !== entry) places.set(module, name);
    }
  return places;
}

function loadedWith(begin: OutputChunk, chunks: ReadonlyMap<string, OutputChunk>): Set<OutputChunk> {
  const found = new Set([begin]);
  for (const chunk of found)
    for (const name of chunk.imports) {
      const next = chunks.get(name);
      if (next !== undefined) found.add(next);
    }
  return found;
}
