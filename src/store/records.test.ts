import { expect, test } from "bun:test";
import { sha256 } from "../oci/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";

interface State {
  readonly status: string;
  readonly count?: number;
}

test("records are found by ID, name and beginning of an ID", () => {
  using t = temporaryStore();
  const containers = t.store.containers.as<State>();
  const web = containers.create({ id: "abc123", name: "web", state: { status: "created" } });
  containers.create({ id: "abd456", name: "abc", state: { status: "created" } });
  expect(web).toMatchObject({ id: "abc123", name: "web", state: { status: "created" }, version: 1 });
  expect(containers.get("abc123")).toEqual(web);
  expect(containers.get("web")).toEqual(web);
  expect(containers.get("abc1")).toEqual(web);
  expect(containers.get("abc")?.id).toBe("abd456");
  expect(containers.get("we")).toBeUndefined();
  expect(containers.get("")).toBeUndefined();
  expect(containers.get("%")).toBeUndefined();
  expect(() => containers.get("ab")).toThrow(expect.objectContaining({ code: "RECORD_AMBIGUOUS" }));
  expect(() => containers.find("none")).toThrow(expect.objectContaining({ code: "RECORD_NOT_FOUND" }));
  expect(t.store.networks.get("web")).toBeUndefined();
  expect(
    containers
      .list()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(["abc", "web"]);
});

test("names and IDs are unique within a kind", () => {
  using t = temporaryStore();
  const { containers, networks } = t.store;
  containers.create({ id: "1", name: "web", state: {} });
  networks.create({ id: "1", name: "web", state: {} });
  for (const rival of [
    { id: "2", name: "web" },
    { id: "1", name: "other" },
  ])
    expect(() => containers.create({ ...rival, state: {} })).toThrow(
      expect.objectContaining({ code: "RECORD_EXISTS" }),
    );
  containers.create({ id: "2", name: "db", state: {} });
  expect(() => containers.rename("2", "web")).toThrow(expect.objectContaining({ code: "RECORD_EXISTS" }));
  expect(containers.rename("2", "db")).toMatchObject({ name: "db" });
  expect(containers.rename("2", "cache")).toMatchObject({ name: "cache" });
  expect(containers.get("db")).toBeUndefined();
});

test("updates are guarded", () => {
  using t = temporaryStore();
  const containers = t.store.containers.as<State>();
  containers.create({ id: "1", name: "web", state: { status: "created" } });
  expect(containers.update("1", (s) => ({ ...s, status: "running" }))).toMatchObject({
    ...{ state: { status: "running" }, version: 2 },
  });
  const refuse = () => {
    throw new Error("not now");
  };
  expect(() => containers.update("1", refuse)).toThrow("not now");
  expect(() => containers.remove("1", refuse)).toThrow("not now");
  expect(containers.update("1", () => undefined)).toMatchObject({ state: { status: "running" }, version: 2 });
  expect(() => containers.update("2", (s) => s)).toThrow(
    expect.objectContaining({ code: "RECORD_NOT_FOUND" }),
  );
  expect(containers.remove("1")).toBe(true);
  expect(containers.remove("1")).toBe(false);
});

test("a record cannot refer to what is not there", () => {
  using t = temporaryStore();
  const refs = [{ kind: "image", key: sha256("none") }] as const;
  expect(() => t.store.containers.create({ id: "1", name: "web", state: {}, refs })).toThrow(
    expect.objectContaining({ code: "IMAGE_INCOMPLETE" }),
  );
  expect(t.store.containers.list()).toEqual([]);
});

test("a transaction that throws undoes all of it", () => {
  using t = temporaryStore();
  const { store } = t;
  expect(() =>
    store.transaction(() => {
      store.containers.create({ id: "1", name: "web", state: {} });
      store.networks.create({ id: "1", name: "net", state: {} });
      throw new Error("no");
    }),
  ).toThrow("no");
  expect([...store.containers.list(), ...store.networks.list()]).toEqual([]);
  // A failure inside that the caller survives does not undo the caller's own work.
  store.transaction(() => store.containers.create({ id: "1", name: "web", state: {} }));
  expect(store.containers.list()).toHaveLength(1);
});

test.each(["", ".", "..", "../x", "a/b", ".hidden", "-x", "a\0", "a b", "a\n", "x".repeat(256)])(
  "CVE-2014-9358: %j is no name",
  (name) => {
    using t = temporaryStore();
    for (const record of [
      { id: name, name: "fine" },
      { id: "fine", name },
    ])
      expect(() => t.store.volumes.create({ ...record, state: {} })).toThrow(
        expect.objectContaining({ code: "RECORD_NAME_INVALID" }),
      );
    t.store.volumes.create({ id: "v", name: "v", state: {} });
    expect(() => t.store.volumes.rename("v", name)).toThrow(
      expect.objectContaining({ code: "RECORD_NAME_INVALID" }),
    );
  },
);
