// The npm package as its users get it: packed, laid into a project's node_modules, imported by name from plain node.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
let project;
before(() => {
  project = mkdtempSync(join(tmpdir(), "strake-package-"));
  const packed = join(project, "node_modules", "strake");
  mkdirSync(packed, { recursive: true });
  // What was built for this run.
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", project], {
    cwd: repository,
    stdio: "pipe",
  });
  const [archive] = readdirSync(project).filter((name) => name.endsWith(".tgz"));
  execFileSync("tar", ["-xzf", join(project, archive), "-C", packed, "--strip-components=1"]);
  writeFileSync(join(project, "package.json"), '{"type":"module"}\n');
});
after(() => rmSync(project, { recursive: true, force: true }));

/** Runs a module of the project on this node and gives what it prints. */
function run(source) {
  writeFileSync(join(project, "main.js"), source);
  return execFileSync(process.execPath, ["main.js"], { cwd: project, encoding: "utf8" }).trim();
}

test("parses a reference and a Dockerfile", () => {
  const printed = run(`
    import { formatReference, parseReference } from "strake/oci";
    import { parseDockerfile } from "strake/dockerfile";
    const { stages } = parseDockerfile("FROM alpine AS a\\nRUN true\\n", { file: "Dockerfile" });
    console.log(formatReference(parseReference("alpine:3")), stages.length, stages[0].instructions.length);
  `);
  assert.equal(printed, "docker.io/library/alpine:3 1 1");
});

test("writes a tar, indexes it, and finds the file through the index", () => {
  const printed = run(`
    import { TarScanner, TarWriter } from "strake/tar";
    import { buildIndex, ErofsReader } from "strake/erofs";
    const chunks = [];
    const writer = new TarWriter((chunk) => void chunks.push(chunk.slice()));
    const header = { type: "file", path: "etc/motd", mode: 0o644, uid: 0, gid: 0, size: 3, mtime: 0, mtimeNsec: 0 };
    await writer.add({ ...header, linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 }, new TextEncoder().encode("hi\\n"));
    await writer.finish();
    const entries = [];
    const scanner = new TarScanner({ onEntry: (entry) => entries.push(entry) });
    for (const chunk of chunks) scanner.write(chunk);
    scanner.end();
    const tarSize = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const reader = new ErofsReader(buildIndex(entries, { tarSize }).image);
    const file = reader.lookup(reader.lookup(reader.root, "etc"), "motd");
    console.log(reader.inode(file).size, reader.extents(file)[0].offset);
  `);
  assert.equal(printed, "3 512");
});

test("its errors are of one class, whichever part threw them", () => {
  const printed = run(`
    import { StrakeError } from "strake/errors";
    import { parseReference } from "strake/oci";
    import { parseDockerfile } from "strake/dockerfile";
    import { TarScanner } from "strake/tar";
    import { ErofsReader } from "strake/erofs";
    import { Remote } from "strake/registry/client";
    const thrown = [
      () => parseReference(""),
      () => parseDockerfile("FORM a"),
      () => new TarScanner({ onEntry() {} }).write(new Uint8Array(512).fill(1)),
      () => new ErofsReader(new Uint8Array(8)),
      () => new Remote({ signal: "no signal" }),
    ].map((call) => {
      try {
        call();
      } catch (error) {
        return error;
      }
    });
    console.log(thrown.map((error) => (error instanceof StrakeError ? error.code : String(error))).join(" "));
  `);
  assert.equal(printed, "REFERENCE_INVALID DOCKERFILE_INSTRUCTION_UNKNOWN TAR_INVALID EROFS_INVALID USAGE");
});

for (const [how, source] of [
  ["import", 'await import("strake")'],
  ["import of a name", 'import { Registry } from "strake"; await Registry.start()'],
  ["require", 'import { createRequire } from "node:module"; createRequire(import.meta.url)("strake")'],
])
  test(`${how} of what needs Bun says so, and what to do`, () => {
    writeFileSync(join(project, "main.js"), source);
    const { status, stderr } = spawnSync(process.execPath, ["main.js"], { cwd: project, encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /StrakeError: strake runs on Bun, and this is node \d.*npx bun FILE.*strake\/oci/);
    assert.match(stderr, /code: 'NEEDS_BUN'/);
  });

test("what node's rules find is the real thing on Bun", () => {
  writeFileSync(
    join(project, "main.js"),
    `import { Registry } from "./node_modules/strake/dist/lib/needs-bun.js";
     await using registry = await Registry.start();
     console.log((await fetch(new URL("v2/", registry.url))).status);`,
  );
  const bun = join(repository, "scripts", "bun");
  assert.equal(execFileSync(bun, ["main.js"], { cwd: project, encoding: "utf8" }), "200\n");
});

for (const [module, moduleResolution] of [
  ["nodenext", "nodenext"],
  ["node16", "node16"],
  ["esnext", "bundler"],
])
  test(`its types hold in a strict program with moduleResolution ${moduleResolution}`, () => {
    const config = {
      strict: true,
      noEmit: true,
      target: "esnext",
      module,
      moduleResolution,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      declaration: true,
      typeRoots: [join(repository, "node_modules", "@types")],
      types: ["node"],
      skipLibCheck: false,
    };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: config, files: ["main.ts"] }),
    );
    const check = (source) => {
      writeFileSync(join(project, "main.ts"), source);
      const compiler = join(repository, "node_modules", ".bin", "tsc");
      return spawnSync(compiler, ["-p", "."], { cwd: project, encoding: "utf8" }).stdout;
    };
    const good = `
      import { Engine, serveRegistry, Tree } from "strake";
      import { StrakeError } from "strake/errors";
      import { parseReference } from "strake/oci";
      import { readTar } from "strake/tar";
      import { ErofsReader } from "strake/erofs";
      import { parseDockerfile } from "strake/dockerfile";
      import { Registry } from "strake/registry/client";
      export const tag: string | undefined = parseReference("app:1").tag;
      export const stages: number = parseDockerfile("FROM a", { file: "Dockerfile" }).stages.length;
      export const all = [Engine.open, readTar, ErofsReader, Registry];
      const engine = Engine.open();
      export const { store } = engine;
      export const built = await engine.build({ context: ".", emit: (event) => event.type === "step.done" && event.outcome });
      export const pulled = await engine.pull({ reference: "a" });
      export const pushed = await engine.push({ name: "a" });
      export const loaded = await engine.load({ source: (async function* () {})() });
      export const containers = await engine.containers();
      export const record = containers.get("a");
      export const started = await containers.start("a");
      export const read = () => containers.logs("a");
      export const list = () => [engine.images(), engine.history("a"), engine.removeImage("a"), engine.info(), engine.doctor()];
      export const reports = () => [store.gc(), store.df(), store.lease("a")] as const;
      export const node = Tree.open([]).lookup("/");
      export const entries = Tree.open([]).readdir("/");
      export const served = await serveRegistry();
      export const kept = [await served.collect(), await served.scrub(), await served.trash(), await served.retain([])] as const;
      export const { administration } = served;
      export const fail = (error: unknown) => (error instanceof StrakeError ? error.code : undefined);`;
    assert.equal(check(good), "");
    assert.match(check(good.replace("tag: string | undefined", "tag: number")), /main\.ts.*TS2322/);
  });

test("holds the executable and no tests", () => {
  const root = join(project, "node_modules", "strake");
  const version = execFileSync(join(root, "dist", "strake"), ["version"], { encoding: "utf8" });
  assert.match(version, /0\.1\.0/);
  const names = readdirSync(join(root, "src"), { recursive: true });
  assert.deepEqual(
    names.filter((name) => /\.test(-support)?\.ts$/.test(name)),
    [],
  );
});
