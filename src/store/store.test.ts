import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Store } from "./index.ts";

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "strake-open-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const mode = (path: string) => statSync(path).mode & 0o777;
const open = (root: string) => Store.open({ root, runRoot: `${root}-run` });

describe("CVE-2021-41091: other users cannot enter the data root", () => {
  test("a new one is made closed, whatever the umask", () =>
    inFolder((folder) => {
      const before = process.umask(0);
      try {
        open(join(folder, "deep", "root")).close();
      } finally {
        process.umask(before);
      }
      expect(mode(join(folder, "deep", "root"))).toBe(0o700);
      expect(mode(join(folder, "deep", "root", "layers"))).toBe(0o700);
    }));

  test("an empty folder and an opened root are closed; 0710 is left", () =>
    inFolder((folder) => {
      const root = join(folder, "root");
      mkdirSync(root, { mode: 0o755 });
      open(root).close();
      expect(mode(root)).toBe(0o700);
      chmodSync(root, 0o711);
      open(root).close();
      expect(mode(root)).toBe(0o700);
      chmodSync(root, 0o710);
      open(root).close();
      expect(mode(root)).toBe(0o710);
    }));

  test("a folder with other things in it is refused and left as it is", () =>
    inFolder((folder) => {
      writeFileSync(join(folder, "precious"), "");
      chmodSync(folder, 0o755);
      expect(() => open(folder)).toThrow(expect.objectContaining({ code: "STORE_ROOT" }));
      expect(mode(folder)).toBe(0o755);
      expect(existsSync(join(folder, "strake.db"))).toBe(false);
    }));
});

test("a place where nothing may be made says which variable names another", () => {
  const place = "/sys/strake-root";
  const refused = expect.objectContaining({
    code: "STORE_ROOT",
    hint: expect.stringContaining("STRAKE_ROOT"),
  });
  expect(() => Store.open({ root: place, runRoot: join(tmpdir(), "strake-never") })).toThrow(refused);
});

test("a newer layout is refused and not touched", () =>
  inFolder((folder) => {
    const root = join(folder, "root");
    open(root).close();
    const sqlite = new Database(join(root, "strake.db"));
    sqlite.run("pragma user_version = 99");
    sqlite.close();
    expect(() => open(root)).toThrow(expect.objectContaining({ code: "STORE_VERSION" }));
  }));

test("a damaged database is named as such", () =>
  inFolder((folder) => {
    const root = join(folder, "root");
    mkdirSync(root, { mode: 0o700 });
    writeFileSync(join(root, "strake.db"), "not a database, but long enough to be read as one".repeat(100));
    expect(() => open(root)).toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
  }));

test("what was stored is there after reopening", () =>
  inFolder((folder) => {
    const root = join(folder, "root");
    const first = open(root);
    first.networks.create({ id: "1", name: "net", state: { subnet: "10.0.0.0/24" } });
    first.close();
    using second = open(root);
    expect(second.networks.find("net").state).toEqual({ subnet: "10.0.0.0/24" });
    expect(second.root).toBe(root);
    expect(second.runRoot).toBe(`${root}-run`);
  }));

test("STRAKE_ROOT and STRAKE_RUNROOT say where, when nothing else does", () =>
  inFolder((folder) => {
    const before = { ...process.env };
    process.env.STRAKE_ROOT = join(folder, "a");
    process.env.STRAKE_RUNROOT = join(folder, "b");
    try {
      using store = Store.open();
      expect([store.root, store.runRoot]).toEqual([join(folder, "a"), join(folder, "b")]);
    } finally {
      for (const name of ["STRAKE_ROOT", "STRAKE_RUNROOT"])
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
    }
  }));
