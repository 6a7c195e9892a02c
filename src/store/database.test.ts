import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "./database.ts";

function temporaryDatabase(): { database: Database; path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "strake-database-"));
  const path = join(folder, "strake.db");
  const database = new Database(path);
  return {
    database,
    path,
    [Symbol.dispose]() {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const insert = (database: Database, digest: string) =>
  database.run("insert into blobs values (?, 1, 1)", digest);
const count = (database: Database) => database.get<{ n: number }>("select count(*) as n from blobs")!.n;

test("a write that throws changes nothing, also when it is inside another that goes on to throw", () => {
  using t = temporaryDatabase();
  const fail = () =>
    t.database.write(() => {
      insert(t.database, "a");
      t.database.write(() => insert(t.database, "b"));
      throw new Error("no");
    });
  expect(fail).toThrow("no");
  expect(count(t.database)).toBe(0);
  expect(t.database.inTransaction).toBe(false);
  t.database.write(() => insert(t.database, "a"));
  expect(count(t.database)).toBe(1);
});

test("a rehearsal sees its changes and undoes them", () => {
  using t = temporaryDatabase();
  const seen = t.database.rehearse(() => {
    insert(t.database, "a");
    return count(t.database);
  });
  expect([seen, count(t.database)]).toEqual([1, 0]);
});

test("a read sees one state, whatever others write meanwhile", () => {
  using t = temporaryDatabase();
  const other = new Database(t.path);
  const counts = t.database.read(() => {
    const before = count(t.database);
    insert(other, "a");
    return [before, count(t.database)];
  });
  expect([...counts, count(t.database)]).toEqual([0, 0, 1]);
  other.close();
});

test("what would break a transaction is refused", () => {
  using t = temporaryDatabase();
  expect(() => t.database.read(() => t.database.write(() => 1))).toThrow(/tried to write/);
  expect(() => t.database.write(async () => insert(t.database, "a"))).toThrow(/cannot wait/);
  expect(count(t.database)).toBe(0);
});

test("a store of the version before is brought up to date, one of a later version refused", () => {
  using t = temporaryDatabase();
  for (const column of ["index_digest", "damage"]) t.database.run(`alter table layers drop column ${column}`);
  t.database.run("insert into layers values ('sha256:a', 1, 2, 3, 4)");
  t.database.run("pragma user_version = 1");
  const opened = new Database(t.path);
  expect(opened.get<object>("select * from layers")).toEqual({
    ...{ diff_id: "sha256:a", size: 1, disk_size: 2, entries: 3, created_at: 4 },
    ...{ index_digest: null, damage: null },
  });
  opened.run("pragma user_version = 99");
  opened.close();
  expect(() => new Database(t.path)).toThrow(expect.objectContaining({ code: "STORE_VERSION" }));
});

test("a log that a process left behind is read by the next one, and grows no further than its bound", () => {
  using t = temporaryDatabase();
  t.database.write(() => insert(t.database, "a"));
  t.database.sync();
  // As by a process that ended without a close: the files as they are now.
  const left = `${t.path}.left`;
  for (const end of ["", "-wal", "-shm"]) copyFileSync(`${t.path}${end}`, `${left}${end}`);
  expect(statSync(`${left}-wal`).size).toBeGreaterThan(0);
  const next = new Database(left);
  expect(count(next)).toBe(1);
  for (let i = 0; i < 2000; i++) next.write(() => insert(next, `b${i}`));
  expect(statSync(`${left}-wal`).size).toBeLessThan(2 << 20);
  next.sync();
  next.close();
});

test("a sync of what changed nothing, or has no log, is nothing", () => {
  using t = temporaryDatabase();
  t.database.close();
  const reader = new Database(t.path);
  expect(count(reader)).toBe(0);
  reader.sync();
  reader.close();
});
