import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** A folder imports only from folders above it (ARCHITECTURE.md has the drawing and why each wall is there). */
const floors = [
  "errors",
  "events",
  "oci",
  "tar",
  "erofs",
  "dockerfile",
  "sys",
  "store",
  "layer",
  "archive",
  "registry/client",
  "registry/server",
  "container",
  "build",
  "engine",
  "api",
  "cli",
  "web",
];

/** These run on plain node too: web-standard and node: APIs only. */
const portable = new Set(["errors", "events", "oci", "tar", "erofs", "dockerfile", "registry/client"]);
/** These have no I/O at all. */
const withoutFiles = new Set(["errors", "events", "oci", "tar", "erofs", "dockerfile"]);
/** Between these and the kernel there is nothing but sys. */
const libcFloor = "sys";

const root = resolve(import.meta.dir, "..", "src");
const support = resolve(import.meta.dir, "support");
const importPattern =
  /(?:^|[\s;}])(?:import|export)\s*(?:type\s+)?(?:[\w*{][^"'`;]*?\sfrom\s*)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(importPattern)].map((match) => (match[1] ?? match[2])!);
}

function sources(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(directory, name));
}

const floorOf = (file: string): string | undefined => {
  const path = relative(root, file);
  return floors.find((floor) => path.startsWith(`${floor}/`));
};

const all: Import[] = sources(root).flatMap((file) =>
  importsOf(readFileSync(file, "utf8")).map((specifier) => ({ file, specifier })),
);
const show = ({ file, specifier }: Import) => `src/${relative(root, file)} -> ${specifier}`;
const isTest = (file: string) => /\.test(-support)?\.ts$/.test(file);

test("imports are found in every form they are written in", () => {
  const text = `import a from "./a.ts";\nimport type { B } from "./b.ts";\nexport * from "./c.ts";
import {\n  d,\n} from "./d.ts";\nimport "./e.ts";\nconst f = await import("./f.ts");\n// import "./no.ts"
export { g } from './g.ts';\n/* import "./no.ts" */`;
  expect(importsOf(text)).toEqual(["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts"]);
  expect(all.length).toBeGreaterThan(100);
});

test("every source file stands on a floor", () => {
  const homeless = sources(root).filter((file) => floorOf(file) === undefined && dirname(file) !== root);
  expect(homeless.map((file) => relative(root, file))).toEqual([]);
});

test("no floor imports from a floor below it", () => {
  const wrong = all.filter(({ file, specifier }) => {
    if (!specifier.startsWith(".")) return false;
    const from = floorOf(file);
    const to = floorOf(resolve(dirname(file), specifier));
    // What tests share stands outside the house.
    const isSupport = isTest(file) && resolve(dirname(file), specifier).startsWith(`${support}/`);
    if (from === undefined || isSupport) return false;
    return to === undefined || floors.indexOf(to) > floors.indexOf(from);
  });
  expect(wrong.map(show)).toEqual([]);
});

test("a floor is entered through its index.ts", () => {
  const wrong = all.filter(({ file, specifier }) => {
    if (!specifier.startsWith(".") || isTest(file)) return false;
    const target = resolve(dirname(file), specifier);
    const to = floorOf(target);
    return to !== undefined && to !== floorOf(file) && relative(root, target) !== join(to, "index.ts");
  });
  expect(wrong.map(show)).toEqual([]);
});

test("relative imports carry their extension", () => {
  const wrong = all.filter(
    ({ specifier }) => specifier.startsWith(".") && !/\.(ts|json|mjs)$/.test(specifier),
  );
  expect(wrong.map(show)).toEqual([]);
});

test("portable floors use web-standard and node: APIs only", () => {
  const foreign = all.filter(({ file, specifier }) => {
    const floor = floorOf(file);
    if (floor === undefined || isTest(file) || !portable.has(floor) || specifier.startsWith("."))
      return false;
    return (
      !specifier.startsWith("node:") || (withoutFiles.has(floor) && /^node:(fs|net|child)/.test(specifier))
    );
  });
  expect(foreign.map(show)).toEqual([]);
  const bun = sources(root)
    .filter((file) => portable.has(floorOf(file) ?? "") && !isTest(file))
    .filter((file) =>
      /(?<![\w.])Bun\.\w/.test(readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")),
    );
  expect(bun.map((file) => relative(root, file))).toEqual([]);
});

test("only sys knows libc", () => {
  const wrong = all.filter(({ file, specifier }) => specifier === "bun:ffi" && floorOf(file) !== libcFloor);
  expect(wrong.map(show)).toEqual([]);
});
