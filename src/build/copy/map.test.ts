import { describe, expect, test } from "bun:test";
import type { Node, Resolved } from "../../layer/index.ts";
import { cleanJoin, type DestinationTree, joinPath } from "./destination.ts";
import type { CopyItem } from "./item.ts";
import { type CopyRequest, mapCopy } from "./map.ts";
import type { CopySource, SourceNode } from "./source.ts";

/** Paths to what is there: `null` a directory, `-> x` a symlink, else a file. */
type Files = Record<string, string | null>;

function nodeOf(value: string | null): SourceNode {
  const type = value === null ? "directory" : value.startsWith("-> ") ? "symlink" : "file";
  return { type, mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, devmajor: 0, devminor: 0 };
}

/** A file system in an object; directories above the files named are there too. */
class Fake implements CopySource {
  readonly files = new Map<string, string | null>([["/", null]]);
  constructor(files: Files) {
    for (const [path, value] of Object.entries(files)) {
      const parts = path.slice(1).split("/");
      for (let i = 1; i < parts.length; i++) this.files.set(`/${parts.slice(0, i).join("/")}`, null);
      this.files.set(path, value);
    }
  }
  resolve(path: string, follow: boolean) {
    const ahead = path.split("/").reverse();
    let at = "/";
    while (ahead.length > 0) {
      const name = ahead.pop()!;
      const value = this.files.get(joinPath(at, name));
      if (name === "" || name === ".") continue;
      if (typeof value === "string" && value.startsWith("-> ") && (follow || ahead.length > 0)) {
        const target = value.slice(3);
        if (target.startsWith("/")) at = "/";
        ahead.push(...target.split("/").reverse());
      } else at = cleanJoin(at, name);
    }
    const value = this.files.get(at);
    return { path: at, node: value === undefined ? undefined : nodeOf(value) };
  }
  children(path: string) {
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.files]
      .filter(([at]) => at !== "/" && at.startsWith(prefix) && !at.slice(prefix.length).includes("/"))
      .map(([at, value]) => ({ name: at.slice(prefix.length), node: nodeOf(value) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  readlink(path: string) {
    return this.files.get(path)!.slice(3);
  }
  xattrs() {
    return undefined;
  }
  open(): never {
    throw new Error("a mapping reads no contents");
  }
  fingerprint() {
    return undefined;
  }
  knownDigest() {
    return undefined;
  }
  learnDigest() {}
}

function treeOf(files: Files): DestinationTree {
  const fake = new Fake(files);
  const resolve = (path: string, { follow = true } = {}): Resolved => {
    const { path: at, node } = fake.resolve(path, follow);
    return { path: at, node: node as Node | undefined, blocked: false };
  };
  return {
    root: nodeOf(null) as Node,
    resolve,
    lookup: (path, options) => resolve(path, options).node,
    xattrs: () => new Map(),
  };
}

const context: Files = {
  "/a.txt": "a",
  "/b.txt": "b",
  "/README.md": "r",
  "/.env": "e",
  "/src/main.ts": "m",
  "/src/lib/util.ts": "u",
  "/src/lib/util.test.ts": "t",
  "/current": "-> src",
  "/alias": "-> /a.txt",
  "/out": "-> ../../etc/passwd",
};

function map(
  sources: string | string[],
  destination: string,
  options: Partial<CopyRequest> & { image?: Files } = {},
) {
  const { plan } = planOf(sources, destination, options);
  return [...plan.items].map(shown);
}

const shown = (item: CopyItem) =>
  item.kind === "parent"
    ? `${item.path}/${item.directory.node ? " kept" : ""}`
    : `${item.path} <- ${item.from}`;

function planOf(
  sources: string | string[],
  destination: string,
  options: Partial<CopyRequest> & { image?: Files; context?: Files } = {},
) {
  const source = new Fake(options.context ?? context);
  const { image = {}, ...rest } = options;
  const request: CopyRequest = {
    arguments: [sources].flat().map((pattern) => ({ source, pattern })),
    destination,
    workingDir: "/work",
    excludes: [],
    parents: false,
    ...rest,
  };
  return { plan: mapCopy(request, treeOf(image)) };
}

describe("where a copy goes", () => {
  test.each([
    ["a file to a name", "a.txt", "/x/y", {}, ["/x/", "/x/y <- /a.txt"]],
    ["a file to a directory to be", "a.txt", "/x/", {}, ["/x/", "/x/a.txt <- /a.txt"]],
    [
      "a file to a directory that is there",
      "a.txt",
      "/x",
      { "/x": null },
      ["/x/ kept", "/x/a.txt <- /a.txt"],
    ],
    ["a file over a file", "a.txt", "/x", { "/x": "old" }, ["/x <- /a.txt"]],
    ["a file through a symlink", "a.txt", "/l", { "/l": "-> /real", "/real": "old" }, ["/real <- /a.txt"]],
    [
      "a file into a symlinked directory",
      "a.txt",
      "/l/",
      { "/l": "-> d", "/d": null },
      ["/d/ kept", "/d/a.txt <- /a.txt"],
    ],
    [
      "a symlink inside the directory is replaced",
      "a.txt",
      "/d/",
      { "/d/a.txt": "-> /etc" },
      ["/d/ kept", "/d/a.txt <- /a.txt"],
    ],
    ["relative to WORKDIR", "a.txt", "x", {}, ["/work/", "/work/x <- /a.txt"]],
    ["to the WORKDIR", "a.txt", ".", { "/work": null }, ["/work/ kept", "/work/a.txt <- /a.txt"]],
    ["to the root", "a.txt", "/", {}, ["/a.txt <- /a.txt"]],
    ["dots in the destination stop at the root", "a.txt", "../../../x", {}, ["/x <- /a.txt"]],
    ["dots in the source stop at the root", "../../a.txt", "/x", {}, ["/x <- /a.txt"]],
    [
      "a directory's contents",
      "src",
      "/x",
      {},
      [
        "/x/",
        "/x/lib <- /src/lib",
        "/x/lib/util.test.ts <- /src/lib/util.test.ts",
        "/x/lib/util.ts <- /src/lib/util.ts",
        "/x/main.ts <- /src/main.ts",
      ],
    ],
    ["a symlink as source is followed", "alias", "/x", {}, ["/x <- /a.txt"]],
    ["and keeps its own name", "alias", "/x/", {}, ["/x/", "/x/alias <- /a.txt"]],
    ["a link to a directory as source", "current/lib/util.ts", "/x", {}, ["/x <- /src/lib/util.ts"]],
    ["several sources", ["a.txt", "b.txt"], "/x/", {}, ["/x/", "/x/a.txt <- /a.txt", "/x/b.txt <- /b.txt"]],
    ["a pattern", "*.txt", "/x/", {}, ["/x/", "/x/a.txt <- /a.txt", "/x/b.txt <- /b.txt"]],
    ["a pattern does not cross slashes", "s*/m*", "/x/", {}, ["/x/", "/x/main.ts <- /src/main.ts"]],
    ["a pattern without a match", "*.nothing", "/x/", {}, []],
    ["a pattern with one match", "README*", "/x", {}, ["/x <- /README.md"]],
  ] as [string, string | string[], string, Files, string[]][])(
    "%s",
    (_, sources, destination, image, expected) => {
      expect(map(sources, destination, { image })).toEqual(expected);
    },
  );
  test("the last source of one name wins", () => {
    expect(map(["a.txt", "alias", "a.txt"], "/x/")).toEqual([
      "/x/",
      "/x/a.txt <- /a.txt",
      "/x/alias <- /a.txt",
    ]);
  });
  test("symlinks inside a directory are copied as they are", () => {
    expect(map(".", "/x")).toContain("/x/out <- /out");
  });
  test("existing subdirectories take over the source's metadata, existing parents do not", () => {
    expect(map("src", "/x", { image: { "/x/lib/old": "o" } }).slice(0, 2)).toEqual([
      "/x/ kept",
      "/x/lib <- /src/lib",
    ]);
  });
});

describe("--exclude and --parents", () => {
  test.each([
    [["*.md"], "/x/README.md"],
    [["**/*.test.ts"], "/x/src/lib/util.test.ts"],
    [["src"], "/x/src/main.ts"],
  ])("without %j", (excludes, gone) => {
    const paths = map(".", "/x", { excludes }).map((item) => item.split(" ")[0]);
    expect(paths).not.toContain(gone);
    expect(paths).toContain("/x/a.txt");
  });
  test("a later ! takes back in, with the directory above", () => {
    const paths = map(".", "/x", { excludes: ["src/lib", "!src/lib/util.ts"] }).map(
      (item) => item.split(" ")[0],
    );
    expect(paths).toContain("/x/src/lib/util.ts");
    expect(paths).toContain("/x/src/lib");
    expect(paths).not.toContain("/x/src/lib/util.test.ts");
  });
  test.each([
    [
      "src/lib/util.ts",
      ["/x/", "/x/src <- /src", "/x/src/lib <- /src/lib", "/x/src/lib/util.ts <- /src/lib/util.ts"],
    ],
    ["src/./lib/util.ts", ["/x/", "/x/lib <- /src/lib", "/x/lib/util.ts <- /src/lib/util.ts"]],
    [
      "**/*.test.ts",
      ["/x/", "/x/src <- /src", "/x/src/lib <- /src/lib", "/x/src/lib/util.test.ts <- /src/lib/util.test.ts"],
    ],
  ])("--parents %s", (source, expected) => {
    expect(map(source, "/x/", { parents: true })).toEqual(expected);
  });
});

describe("sources that meet", () => {
  const files: Files = {
    "/a/sub/one": "a",
    "/a/f": "a",
    "/a/l": "-> f",
    "/b/sub/two": "b",
    "/b/f": "b",
    "/b/l": "b",
    "/c/sub": "a file",
    "/d/f/deep": "a directory",
    "/e/l/x": "a directory",
    "/t.tar": "t",
  };
  const meet = (sources: string[], options: Partial<CopyRequest> = {}) =>
    [...planOf(sources, "/x/", { ...options, context: files }).plan.items].map(shown);

  test("what the last one has stands where the first one had it", () => {
    expect(meet(["a", "b"])).toEqual([
      "/x/",
      "/x/f <- /b/f",
      "/x/l <- /b/l",
      "/x/sub <- /b/sub",
      "/x/sub/one <- /a/sub/one",
      "/x/sub/two <- /b/sub/two",
    ]);
  });
  test("the same by a pattern, and by names of files", () => {
    expect(meet(["[ab]"])).toEqual(meet(["a", "b"]));
    expect(meet(["b/f", "a/f"])).toEqual(["/x/", "/x/f <- /a/f"]);
    expect(meet(["*/f"], { excludes: [] }).filter((item) => item.startsWith("/x/f "))).toEqual([
      "/x/f <- /b/f",
    ]);
  });
  test("--parents: one argument inside the other", () => {
    expect(meet(["a/sub/one", "a"], { parents: true })).toEqual([
      "/x/",
      "/x/a <- /a",
      "/x/a/sub <- /a/sub",
      "/x/a/sub/one <- /a/sub/one",
      "/x/a/f <- /a/f",
      "/x/a/l <- /a/l",
    ]);
  });
  test("a directory that the later one leaves out keeps the metadata of the first", () => {
    expect(meet(["a", "b"], { excludes: ["sub", "!sub/one"] })).toContain("/x/sub <- /a/sub");
  });
  test("every walk over the items gives the same", () => {
    const { plan } = planOf(["a", "b", "a"], "/x/", { context: files });
    expect([...plan.items].map(shown)).toEqual([...plan.items].map(shown));
  });
  test.each([
    ["a directory over a file", ["b", "d"]],
    ["a file over a directory", ["d", "b"]],
    ["a file over a directory of a folder", ["a", "c"]],
    ["a directory over a symlink", ["a", "e"]],
  ])("%s is refused", (_, sources) => {
    expect(() => meet(sources)).toThrow(expect.objectContaining({ code: "BUILD_COPY_DEST" }));
  });
  test("with an archive between them, what comes after it is written after it", () => {
    const { plan } = planOf(["a/f", "t.tar", "b/f"], "/x/", {
      context: files,
      isArchive: (_, path) => path === "/t.tar",
    });
    expect([...plan.items].map(shown)).toEqual(["/x/", "/x/f <- /b/f"]);
    expect(plan.archives).toMatchObject([{ path: "/x", from: "/t.tar", after: 1 }]);
  });
});

describe("refused", () => {
  test.each([
    ["a missing source", "nothing", "/x", {}, "BUILD_COPY_SOURCE"],
    ["a link that leads nowhere inside", "out", "/x", {}, "BUILD_COPY_SOURCE"],
    ["several sources to one name", ["a.txt", "b.txt"], "/x", {}, "BUILD_COPY_DEST"],
    ["several matches to one name", "*.txt", "/x", {}, "BUILD_COPY_DEST"],
    ["a directory over a file", "src", "/x", { "/x": "file" }, "BUILD_COPY_DEST"],
    ["below a file", "a.txt", "/x/y/z", { "/x": "file" }, "BUILD_COPY_DEST"],
    ["a subdirectory over a symlink", "src", "/x", { "/x/lib": "-> /y" }, "BUILD_COPY_DEST"],
    ["a file over a directory of its name", "a.txt", "/x", { "/x/a.txt": null }, "BUILD_COPY_DEST"],
  ] as [string, string | string[], string, Files, string][])("%s", (_, sources, destination, image, code) => {
    expect(() => map(sources, destination, { image })).toThrow(expect.objectContaining({ code }));
  });
  test("a near name is suggested, at the component that is missing", () => {
    expect(() => map("srv/main.ts", "/x")).toThrow(expect.objectContaining({ hint: "did you mean src?" }));
    expect(() => map("src/mian.ts", "/x")).toThrow(
      expect.objectContaining({ hint: "did you mean src/main.ts?" }),
    );
  });
});
