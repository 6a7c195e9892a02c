import { expect, test } from "bun:test";
import { readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processStartTime } from "../sys/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";
import { Store } from "./index.ts";
import { currentOwner } from "./owner.ts";

const secret = "https://registry.example/upload?_state=c2VjcmV0";

/** Files in the folder of temporary ones. */
function files(root: string): string[] {
  return readdirSync(join(root, "work")).map((name) => join(root, "work", name));
}

/** Gives the only file another owner. */
function giveTo(root: string, owner: string): void {
  const [path] = files(root);
  renameSync(path!, path!.replace(/\.tmp-[^-]*-/, `.tmp-${owner}-`));
}

const dead = "0.1.2.3";

/** As a process that is gone left it. */
function leave(t: ReturnType<typeof temporaryStore>, name: string, text: string): void {
  t.store.uploads.take([name]).write(text);
  giveTo(t.root, dead);
}

test("what was noted is found by the next one, and by nobody else at the same time", () => {
  using t = temporaryStore();
  using other = Store.open({ root: t.root, runRoot: join(t.root, "..", "run") });
  leave(t, "a", "1");
  const note = t.store.uploads.take(["a"]);
  expect(note.before).toBe("1");
  expect([t.store.uploads.take(["a"]).before, other.uploads.take(["a"]).before]).toEqual([
    undefined,
    undefined,
  ]);
  note.write("2");
  expect(files(t.root)).toHaveLength(1);
  expect(other.uploads.take(["a"]).before).toBeUndefined();
  note.release();
  note.release();
  const next = other.uploads.take(["a"]);
  expect([next.before, t.store.uploads.take(["a"]).before]).toEqual(["2", undefined]);
  next.forget();
  expect(files(t.root)).toEqual([]);
});

test("a process that is alive keeps its note", () => {
  using t = temporaryStore();
  t.store.uploads.take(["a"]).write("1");
  const [boot, namespace] = currentOwner().split(".");
  giveTo(t.root, [boot, namespace, process.ppid, processStartTime(process.ppid)].join("."));
  expect(t.store.uploads.take(["a"]).before).toBeUndefined();
  t.store.gc();
  expect(files(t.root)).toHaveLength(1);
});

test("names are told apart, and an earlier one becomes the first", () => {
  using t = temporaryStore();
  leave(t, "https://one/v2/app sha256:1", "1");
  for (const name of ["https://one/v2/app sha256:2", "https://two/v2/app sha256:1", "https://one/v2/ap"])
    expect(t.store.uploads.take([name]).before).toBeUndefined();
  const note = t.store.uploads.take(["new", "https://one/v2/app sha256:1"]);
  expect(note.before).toBe("1");
  note.release();
  expect(t.store.uploads.take(["https://one/v2/app sha256:1"]).before).toBeUndefined();
  expect(t.store.uploads.take(["new"]).before).toBe("1");
});

test("the newest counts; one that a kill left empty does not", () => {
  using t = temporaryStore();
  const notes = ["older", "newer", ""].map((text) => ({ text, note: t.store.uploads.take(["a"]) }));
  for (const [i, { text, note }] of notes.entries()) {
    const before = new Set(files(t.root));
    note.write(text);
    const path = files(t.root).find((each) => !before.has(each))!;
    const minutesAgo = new Date(Date.now() - (3 - i) * 60_000);
    utimesSync(path, minutesAgo, minutesAgo);
    renameSync(path, path.replace(/\.tmp-[^-]*-/, `.tmp-${dead}-`));
  }
  expect(t.store.uploads.take(["a"]).before).toBe("newer");
  expect(t.store.uploads.take(["a"]).before).toBe("older");
  expect(t.store.uploads.take(["a"]).before).toBeUndefined();
});

test("only the owner reads it, and names and reports do not tell it", () => {
  using t = temporaryStore();
  leave(t, "a", secret);
  const [path] = files(t.root);
  expect(statSync(path!).mode & 0o077).toBe(0);
  utimesSync(path!, new Date(0), new Date(0));
  const told = JSON.stringify([path, t.store.df(), t.store.gc({ dryRun: true }), t.store.gc()]);
  expect(told).not.toContain("c2VjcmV0");
  expect(told).toContain("_upload_");
});

test("gc leaves what somebody may come back for, for a day", () => {
  using t = temporaryStore();
  leave(t, "a", "1");
  expect(t.store.gc({ verify: true }).problems).toEqual([]);
  expect(files(t.root)).toHaveLength(1);
  const hours = (count: number) => new Date(Date.now() - count * 3600_000);
  utimesSync(files(t.root)[0]!, hours(23), hours(23));
  t.store.gc();
  expect(files(t.root)).toHaveLength(1);
  utimesSync(files(t.root)[0]!, hours(25), hours(25));
  expect(t.store.gc({ verify: true }).problems).toEqual([]);
  expect(files(t.root)).toEqual([]);
});

test("what is older than a day is not found, and goes when anybody looks", () => {
  using t = temporaryStore();
  leave(t, "a", "1");
  utimesSync(files(t.root)[0]!, new Date(0), new Date(0));
  expect(t.store.uploads.take(["a"]).before).toBeUndefined();
  expect(files(t.root)).toEqual([]);
  leave(t, "a", "1");
  utimesSync(files(t.root)[0]!, new Date(0), new Date(0));
  t.store.uploads.take(["b"]);
  expect(files(t.root)).toEqual([]);
});

test("other temporary files are left alone", () => {
  using t = temporaryStore();
  const path = join(t.root, "work", `.tmp-${dead}-0123_${"0".repeat(64)}`);
  writeFileSync(path, "x");
  utimesSync(path, new Date(0), new Date(0));
  t.store.uploads.take(["a"]);
  expect(files(t.root)).toEqual([path]);
});

test("what this process is at is not taken through another path to the store", () => {
  using t = temporaryStore();
  const link = join(t.root, "..", "link");
  symlinkSync(t.root, link);
  using other = Store.open({ root: link, runRoot: join(t.root, "..", "run") });
  const note = t.store.uploads.take(["a"]);
  note.write("1");
  expect(other.uploads.take(["a"]).before).toBeUndefined();
  note.release();
  expect(other.uploads.take(["a"]).before).toBe("1");
});

test("a folder that takes no notes any more ends no upload", () => {
  using t = temporaryStore();
  const note = t.store.uploads.take(["a"]);
  note.write("1");
  const work = join(t.root, "work");
  renameSync(work, `${work}-away`);
  writeFileSync(work, "no folder");
  note.write("2");
  note.forget();
  note.release();
  rmSync(work);
  renameSync(`${work}-away`, work);
});
