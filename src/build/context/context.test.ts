import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { BuildWorkshop } from "../../../test/support/build.ts";

let shop: BuildWorkshop;
beforeEach(() => {
  shop = new BuildWorkshop({
    "keep.txt": "k",
    "notes.md": "n",
    "src/main.ts": "m",
    "src/notes.md": "s",
    "node_modules/a/index.js": "i",
    "logs/today.log": "t",
    "logs/keep/this": "l",
  });
  writeFileSync(join(shop.folder, "secret"), "secret");
});
afterEach(() => shop.remove());

async function copied(dockerfile = "FROM scratch\nCOPY . /"): Promise<string[]> {
  const files = (await shop.build(dockerfile)).files();
  return Object.keys(files).filter((path) => !files[path]!.endsWith("directory"));
}

describe("ignore files", () => {
  test.each([
    ["node_modules\nlogs", ["/.dockerignore", "/keep.txt", "/notes.md", "/src/main.ts", "/src/notes.md"]],
    ["*\n!src", ["/src/main.ts", "/src/notes.md"]],
    [
      "**/*.md\n.dockerignore\nnode_modules\nlogs/*\n!logs/keep",
      ["/keep.txt", "/logs/keep/this", "/src/main.ts"],
    ],
    ["# comment\n\n/src\n./logs/\nnode_modules/**\n*.md\n*.txt", ["/.dockerignore"]],
  ])("%j", async (rules, expected) => {
    shop.write({ ".dockerignore": rules });
    expect(await copied()).toEqual(expected);
  });
  test("`<Dockerfile>.dockerignore` comes before `.dockerignore`", async () => {
    shop.write({
      ".dockerignore": "*",
      "app.Dockerfile": "FROM scratch\nCOPY . /",
      "app.Dockerfile.dockerignore": "*\n!keep.txt",
    });
    const built = await shop.build("", { dockerfile: undefined, file: "app.Dockerfile" });
    expect(Object.keys(built.files())).toEqual(["/keep.txt"]);
  });
  test("an ignored source is an error that says so", async () => {
    shop.write({ ".dockerignore": "src/*.ts" });
    await expect(copied("FROM scratch\nCOPY src/main.ts /")).rejects.toMatchObject({
      code: "BUILD_COPY_SOURCE",
      hint: "it is there, but .dockerignore excludes it",
    });
  });
  test("a bad one is an error with its line", async () => {
    shop.write({ ".dockerignore": "a\n!" });
    await expect(copied()).rejects.toMatchObject({ sources: [{ file: ".dockerignore", startLine: 2 }] });
  });
});

describe("a context ends at its root", () => {
  // Security cases, "Build": context with a symlink or `..`.
  test.each([
    ["../secret", "out", "COPY out /x"],
    ["/etc/passwd", "out", "COPY out /x"],
    ["..", "up", "COPY up/secret /x"],
    ["../../../../../../../../../../etc", "up", "COPY up/passwd /x"],
  ])("a symlink to %s does not lead out", async (target, name, line) => {
    symlinkSync(target, join(shop.context, name));
    await expect(shop.build(`FROM scratch\n${line}`)).rejects.toMatchObject({ code: "BUILD_COPY_SOURCE" });
    expect((await shop.build("FROM scratch\nCOPY . /")).files()[`/${name}`]).toBe(`-> ${target}`);
  });
  test("`..` in a source stays inside", async () => {
    await expect(shop.build("FROM scratch\nCOPY ../secret /x")).rejects.toMatchObject({
      code: "BUILD_COPY_SOURCE",
    });
    expect(await copied("FROM scratch\nCOPY ../../keep.txt /x")).toEqual(["/x"]);
  });
  test("an absolute symlink starts at the context's root", async () => {
    symlinkSync("/src/main.ts", join(shop.context, "abs"));
    expect((await shop.build("FROM scratch\nCOPY abs /x")).files()).toEqual({ "/x": "644 m" });
  });
  test("symlinks in a circle are an error", async () => {
    symlinkSync("b", join(shop.context, "a"));
    symlinkSync("a", join(shop.context, "b"));
    await expect(shop.build("FROM scratch\nCOPY a /x")).rejects.toMatchObject({ code: "BUILD_COPY_SOURCE" });
  });
});

test("names that are not UTF-8 keep their bytes, sockets are left out", async () => {
  const name = Buffer.concat([Buffer.from(`${shop.context}/src/caf`), Buffer.from([0xe9])]);
  writeFileSync(name, "latin1");
  const server = createServer().listen(join(shop.context, "socket"));
  try {
    const files = (await shop.build("FROM scratch\nCOPY src /\nCOPY socke[t] /")).files();
    expect(files["/caf\udce9"]).toBe("644 latin1");
    expect(files["/socket"]).toBeUndefined();
  } finally {
    server.close();
  }
});

describe("a context in a tar", () => {
  const build = (file?: string, ...flags: string[]) => {
    const tar = Bun.spawnSync(["tar", "-C", shop.context, "--owner=7", "-c", ...flags, "."]).stdout;
    return shop.build("", { context: undefined, dockerfile: new Uint8Array(tar), file });
  };
  test.each([[[]], [["-z"]], [["-J"]]])(
    "%j: its files belong to root, ignore files do not apply",
    async (flags) => {
      shop.write({ Dockerfile: "FROM scratch\nCOPY src notes.md /x/", ".dockerignore": "*" });
      const built = await build(undefined, ...flags);
      expect(built.files()).toEqual({
        "/x": "755 directory",
        "/x/main.ts": "644 m",
        "/x/notes.md": "644 n",
      });
      expect((await build()).id).toBe(built.id);
    },
  );
  test("names its Dockerfile", async () => {
    shop.write({ "sub/other": "FROM scratch\nCOPY keep.txt /" });
    expect((await build("sub/other")).files()).toEqual({ "/keep.txt": "644 k" });
    await expect(build("nothing")).rejects.toMatchObject({ code: "BUILD_NO_DOCKERFILE" });
  });
  test("ends at its root", async () => {
    shop.write({ Dockerfile: "FROM scratch\nCOPY out /x" });
    symlinkSync("../../../../../../etc/passwd", join(shop.context, "out"));
    await expect(build()).rejects.toMatchObject({ code: "BUILD_COPY_SOURCE" });
  });
});
