import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const home = resolve(import.meta.dir, "..");
const architecture = readFileSync(join(home, "ARCHITECTURE.md"), "utf8");
const folders = ["src", "test"].flatMap((top) =>
  readdirSync(join(home, top), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1)),
);
/** Folders in the first columns of the tables. */
const named = [...architecture.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) =>
  [...cell!.matchAll(/`((?:src|test)[^`]*)`/g)].map(([, folder]) => folder!),
);

test("ARCHITECTURE.md names every folder of src/ and test/, and no other", () => {
  expect(folders.length).toBeGreaterThan(50);
  expect(folders.filter((folder) => !named.includes(folder))).toEqual([]);
  expect(named.filter((folder) => !folders.includes(folder))).toEqual([]);
});

test("its floors are those that test/imports.test.ts keeps, in their order", () => {
  const list = /const floors = \[([\s\S]*?)\];/.exec(
    readFileSync(join(home, "test/imports.test.ts"), "utf8"),
  )![1]!;
  const kept = [...list.matchAll(/"([^"]+)"/g)].map(([, floor]) => `src/${floor}`);
  const table = architecture.slice(
    architecture.indexOf("## The floors"),
    architecture.indexOf("## Where to look"),
  );
  const drawn = [...table.matchAll(/^\| `(src\/[^`]+)` \|/gm)].map(([, folder]) => folder!);
  // api and web are floors of the design that have no folder yet.
  expect(drawn).toEqual(kept.filter((floor) => folders.includes(floor)));
});
