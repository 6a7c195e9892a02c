import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Folder, openFolder } from "./folder.ts";
import { mkfifoAt } from "./node.ts";
import { readFrom } from "./read-from.ts";
import { sweepTemporaries, Temporary } from "./temporary.ts";

let home: string;
let folder: Folder;
const at = (name: string) => join(home, "in", name);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-folder-"));
  mkdirSync(at("a/b"), { recursive: true });
  writeFileSync(join(home, "outside"), "secret");
  writeFileSync(at("a/file"), "inside");
  folder = Folder.open(join(home, "in"));
});
afterEach(() => {
  folder.close();
  rmSync(home, { recursive: true });
});

const read = (name: string) => {
  const fd = folder.openFile(name);
  if (fd === undefined) return undefined;
  const text = readFileSync(fd, "utf8");
  closeSync(fd);
  return text;
};
const code = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "done";
};

describe("a folder", () => {
  test("gives files below it, through links that stay inside, and nothing that leads out", () => {
    symlinkSync("a/file", at("near"));
    symlinkSync("../outside", at("up"));
    symlinkSync(join(home, "outside"), at("absolute"));
    symlinkSync("..", at("parent"));
    expect([read("a/file"), read("near"), read("a/../a/file"), read("gone")]).toEqual([
      ...["inside", "inside", "inside", undefined],
    ]);
    for (const name of ["up", "absolute", "parent/outside", "../outside", join(home, "outside"), "a"])
      expect([name, code(() => read(name))]).toEqual([name, "SYS_INVALID"]);
  });

  test("does not wait for a FIFO's other end", () => {
    mkfifoAt(folder.fd, "fifo", 0o600);
    expect(code(() => read("fifo"))).toBe("SYS_INVALID");
  });

  test("gives and makes folders through real folders only", () => {
    mkdirSync(join(home, "elsewhere"));
    symlinkSync("../elsewhere", at("link"));
    symlinkSync("a", at("near"));
    using made = folder.folder("x/y", { make: true });
    expect(existsSync(at("x/y"))).toBe(true);
    expect(made.fd).toBeGreaterThan(2);
    expect(folder.folder("x/z")).toBeUndefined();
    for (const path of ["link/new", "link", "near", "a/file", "..", "a/file/x"])
      expect([path, code(() => folder.folder(path, { make: true }))]).toEqual([path, "SYS_INVALID"]);
    expect(readdirSync(join(home, "elsewhere"))).toEqual([]);
    expect([folder.lstat("near")?.isSymbolicLink(), folder.stat("near")?.isDirectory()]).toEqual([
      true,
      true,
    ]);
  });

  test("leaves no descriptor behind", () => {
    const count = () => readdirSync("/proc/self/fd").length;
    const before = count();
    for (let i = 0; i < 20; i++) {
      read("a/file");
      read("gone");
      code(() => read("a"));
      folder.folder("a/b")?.close();
      folder.folder("a/gone");
      code(() => folder.folder("a/file", { make: true }));
      openFolder(at("gone"));
    }
    expect(count()).toBe(before);
  });
});

describe("a temporary", () => {
  const names = () => readdirSync(join(home, "in")).filter((name) => name !== "a");

  test("takes its name when it is whole, or is gone", () => {
    {
      using file = Temporary.file(folder, { mode: 0o600 });
      writeSync(file.fd, "text");
      expect(names()).toEqual([file.name]);
      file.place(folder, "whole", { replace: false });
    }
    {
      using other = Temporary.file(folder);
      expect(code(() => other.place(folder, "whole", { replace: false }))).toBe("SYS_EXISTS");
    }
    expect([names(), readFileSync(at("whole"), "utf8")]).toEqual([["whole"], "text"]);
    {
      using other = Temporary.file(folder);
      other.place(folder, "whole", { replace: true });
    }
    {
      using made = Temporary.folder(folder);
      writeFileSync(at(`${made.name}/x`), "x");
    }
    expect([names(), readFileSync(at("whole"), "utf8")]).toEqual([["whole"], ""]);
  });

  test("is swept when its writer is gone, and not while it lives", () => {
    using file = Temporary.file(folder);
    using tree = Temporary.folder(folder);
    writeFileSync(at(".strake-tmp-0123456789abcdef"), "left behind");
    mkdirSync(at(".strake-tmp-fedcba9876543210/blobs"), { recursive: true });
    writeFileSync(at(".strake-tmp-fedcba9876543210/blobs/x"), "x");
    // Neither a name of ours nor a link to somebody's files.
    writeFileSync(at(".strake-tmp-mine"), "");
    mkdirSync(join(home, "theirs"));
    writeFileSync(join(home, "theirs/x"), "");
    symlinkSync("../theirs", at(".strake-tmp-1111111111111111"));
    utimesSync(at(".strake-tmp-0123456789abcdef"), 0, 0);
    expect(sweepTemporaries(folder)).toBe(2);
    expect(names().sort()).toEqual(
      [".strake-tmp-1111111111111111", ".strake-tmp-mine", file.name, tree.name].sort(),
    );
    expect(readdirSync(join(home, "theirs"))).toEqual(["x"]);
  });

  test("of known content is found again by the next writer, and by nobody while one is at it", () => {
    const wanted = { digits: "ab".repeat(32), size: 4 << 20 };
    const bytes = Buffer.alloc(1 << 20, "x");
    const first = Temporary.partial(folder, wanted);
    writeSync(first.fd, bytes);
    using beside = Temporary.partial(folder, wanted);
    expect([beside.size, beside.name === first.name]).toEqual([0, false]);
    first.suspend();
    using again = Temporary.partial(folder, wanted);
    expect([again.name, again.size]).toEqual([first.name, bytes.length]);
    writeSync(again.fd, bytes);
    again.place(folder, "whole", { replace: false });
    // Whoever opened it under its old name meanwhile gets another.
    using third = Temporary.partial(folder, wanted);
    expect([statSync(at("whole")).size, third.size]).toEqual([2 << 20, 0]);
  });

  test("of known content is not looked for where a few bytes came, or few are wanted", () => {
    const wanted = { digits: "ab".repeat(32), size: 4 << 20 };
    const few = Temporary.partial(folder, wanted);
    writeSync(few.fd, "x");
    few.suspend();
    const small = Temporary.partial(folder, { ...wanted, size: 100 });
    expect(small.name).toStartWith(".strake-tmp-");
    small.suspend();
    expect(names()).toEqual([]);
  });

  test("of known content is never what somebody else put under its name", () => {
    const wanted = { digits: "ab".repeat(32), size: 4 << 20 };
    const name = `.strake-part-${wanted.digits}`;
    const large = Buffer.alloc(2 << 20, "theirs");
    writeFileSync(join(home, "theirs"), large);
    const plants: (() => void)[] = [
      () => symlinkSync("../theirs", at(name)),
      () => linkSync(join(home, "theirs"), at(name)),
      () => mkdirSync(at(name)),
      () => mkfifoAt(folder.fd, name, 0o600),
      () => {
        writeFileSync(at(name), large);
        chmodSync(at(name), 0o4755);
      },
      ...(process.getuid?.() === 0
        ? [
            () => {
              writeFileSync(at(name), large);
              chownSync(at(name), 12345, 12345);
            },
          ]
        : []),
    ];
    for (const plant of plants) {
      plant();
      {
        using file = Temporary.partial(folder, wanted);
        expect([file.size, file.name === name]).toEqual([0, false]);
        writeSync(file.fd, "ours");
      }
      expect(readFileSync(join(home, "theirs")).equals(large)).toBe(true);
      rmSync(at(name), { recursive: true });
    }
  });

  test("of known content is swept when nobody came back for a week", () => {
    const week = 7 * 24 * 3600;
    for (const [letter, age] of [
      ["a", week - 60],
      ["b", week + 60],
    ] as const) {
      writeFileSync(at(`.strake-part-${letter.repeat(64)}`), "x");
      const then = Date.now() / 1000 - age;
      utimesSync(at(`.strake-part-${letter.repeat(64)}`), then, then);
    }
    expect(sweepTemporaries(folder)).toBe(1);
    expect(names()).toEqual([`.strake-part-${"a".repeat(64)}`]);
  });

  test("that many make while many sweep are all kept", async () => {
    const script = `
      const { Folder, sweepTemporaries } = await import(${JSON.stringify(join(import.meta.dir, "index.ts"))});
      const folder = Folder.open(${JSON.stringify(join(home, "in"))});
      console.log("sweeping");
      for (;;) sweepTemporaries(folder);`;
    const sweeper = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    try {
      await sweeper.stdout.getReader().read();
      for (let i = 0; i < 400; i++) {
        using file = Temporary.file(folder);
        writeSync(file.fd, "x");
        file.place(folder, `kept-${i}`, { replace: false });
      }
    } finally {
      sweeper.kill("SIGKILL");
      await sweeper.exited;
    }
    expect(names().filter((name) => name.startsWith("kept-")).length).toBe(400);
  });
});

test("a file is read from an offset to an end; its descriptor is still the caller's when the loop is left", async () => {
  const bytes = Buffer.alloc((3 << 20) + 5, "0123456789");
  writeFileSync(at("large"), bytes);
  const fd = openSync(at("large"), "r");
  const all = async (start?: number, end?: number) =>
    Buffer.concat(await Array.fromAsync(readFrom(fd, start, end)));
  expect((await all()).equals(bytes)).toBe(true);
  expect((await all(1_500_000, 2_600_001)).equals(bytes.subarray(1_500_000, 2_600_001))).toBe(true);
  expect([await all(bytes.length), await all(7, 7)].map(({ length }) => length)).toEqual([0, 0]);
  for await (const _ of readFrom(fd)) break;
  expect(fstatSync(fd).size).toBe(bytes.length);
  closeSync(fd);
});
