import { afterAll, describe, expect, setSystemTime, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, FileStore, MemoryStore, type ObjectStore, Registry } from "./index.ts";
import { OpenUploads, parseLabel } from "./open-uploads.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-open-uploads-"));
afterAll(() => rmSync(folder, { recursive: true }));

const label = (actor?: string) =>
  JSON.stringify({ repository: "a", ...(actor === undefined ? {} : { actor }) });

async function begin(
  uploads: OpenUploads,
  storage: ObjectStore,
  actor?: string,
  client?: string,
): Promise<string> {
  await uploads.makeRoom(actor, client);
  const { id } = await storage.createUpload(label(actor));
  uploads.begun(actor, id, client);
  return id;
}

/** Runs with a clock that is so many milliseconds ahead. */
async function later<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  setSystemTime(Date.now() + milliseconds);
  try {
    return await work();
  } finally {
    setSystemTime();
  }
}

const stores: [string, () => Promise<ObjectStore>][] = [
  ["memory", async () => new MemoryStore()],
  ["files", () => FileStore.open(mkdtempSync(join(folder, "root-")))],
];

describe.each(stores)("unfinished uploads over %s", (_, open) => {
  test("each user has so many; whoever is finished makes room", async () => {
    await using storage = await open();
    const uploads = new OpenUploads(storage, () => false, 3);
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await begin(uploads, storage, "ann"));
    const refused = { code: "TOOMANYREQUESTS", message: expect.stringContaining("3 uploads of this user") };
    await expect(uploads.makeRoom("ann")).rejects.toMatchObject(refused);
    await begin(uploads, storage, "bob");
    await begin(uploads, storage);
    uploads.ended("ann", ids[1]!);
    await begin(uploads, storage, "ann");
    await expect(uploads.makeRoom("ann")).rejects.toMatchObject(refused);
  });

  test("what nobody has worked on for long makes way, what somebody works on does not", async () => {
    await using storage = await open();
    const busy = new Set<string>();
    const uploads = new OpenUploads(storage, (id) => busy.has(id), 3);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push(await begin(uploads, storage, "ann"));
    busy.add(ids[0]!);
    await later(600_000, async () => {
      uploads.touched("ann", ids[2]!);
      await begin(uploads, storage, "ann");
      await expect(uploads.makeRoom("ann")).rejects.toMatchObject({ code: "TOOMANYREQUESTS" });
    });
    const there = await Promise.all(ids.map((id) => storage.openUpload(id)));
    expect(there.map((upload) => upload !== undefined)).toEqual([true, false, true]);
  });

  test("one that took long is not left alone as soon as it has come", async () => {
    await using storage = await open();
    const uploads = new OpenUploads(storage, () => false, 1);
    const id = await begin(uploads, storage, "ann");
    await later(600_000, async () => {
      uploads.leftAlone("ann", id);
      await expect(uploads.makeRoom("ann")).rejects.toMatchObject({ code: "TOOMANYREQUESTS" });
      uploads.ended("ann", id);
      uploads.leftAlone("ann", id);
      await begin(uploads, storage, "ann");
    });
  });

  test("of those who are not logged in, one client does not keep all others out", async () => {
    await using storage = await open();
    const busy = new Set<string>();
    const uploads = new OpenUploads(storage, (id) => busy.has(id), 10);
    const many: string[] = [];
    for (let i = 0; i < 10; i++) many.push(await begin(uploads, storage, undefined, "192.0.2.1"));
    const refused = { code: "TOOMANYREQUESTS" };
    await expect(uploads.makeRoom(undefined, "192.0.2.1")).rejects.toMatchObject(refused);
    busy.add(many[0]!);
    const others: string[] = [];
    for (let i = 0; i < 3; i++) {
      others.push(await begin(uploads, storage, undefined, "192.0.2.2"));
      for (const id of many.slice(4)) uploads.touched(undefined, id);
      await expect(uploads.makeRoom(undefined, "192.0.2.1")).rejects.toMatchObject(refused);
    }
    // A third of all: it takes nothing more.
    await expect(uploads.makeRoom(undefined, "192.0.2.2")).rejects.toMatchObject(refused);
    const there = [];
    for (const id of [...many, ...others]) there.push((await storage.openUpload(id)) !== undefined);
    expect(there).toEqual([true, false, false, false, ...Array(9).fill(true)]);
    await begin(uploads, storage, "ann");
  });

  test("those of an earlier process count, what is no client's does not", async () => {
    await using storage = await open();
    for (const text of [
      label("ann"),
      label("ann"),
      label("ann"),
      "quarantine",
      '{"repository":"a","fill":"x"}',
    ])
      await storage.createUpload(text);
    const uploads = new OpenUploads(storage, () => false, 3);
    await expect(uploads.makeRoom("ann")).rejects.toMatchObject({ code: "TOOMANYREQUESTS" });
    await uploads.makeRoom(undefined);
    await later(600_000, () => begin(uploads, storage, "ann"));
    expect((await storage.staleUploads(Date.now() + 3600_000)).length).toBe(3);
  });
});

test("what a cache is filling is neither counted as a client's nor open to one", async () => {
  const fill = '{"repository":"hub/app","fill":"hub@sha256:0"}';
  for (const text of [fill, "quarantine", "", "null", "[]"]) expect(parseLabel(text)).toBeUndefined();
  const storage = await FileStore.open(mkdtempSync(join(folder, "fill-")));
  await using registry = await Registry.start({ storage });
  const { id } = await storage.createUpload(fill);
  for (const method of ["GET", "PATCH", "DELETE"]) {
    const body = method === "PATCH" ? "theirs" : null;
    const answer = await fetch(`${registry.url}v2/hub/app/blobs/uploads/${id}`, { method, body });
    expect(answer.status).toBe(404);
  }
  expect((await storage.openUpload(id))?.length).toBe(0);
});

test("what began here and ended at another replica does not count for ever", async () => {
  await using storage = new MemoryStore();
  Object.defineProperty(storage, "exclusive", { value: false });
  const uploads = new OpenUploads(storage, () => false, 50);
  for (const user of ["ann", undefined]) {
    for (let i = 0; i < 200; i++) await storage.dropUpload(await begin(uploads, storage, user));
    const refused = async () => {
      for (let i = 0; i < 1000; i++) await begin(uploads, storage, user);
    };
    await expect(refused()).rejects.toMatchObject({ code: "TOOMANYREQUESTS" });
  }
});

test("uploads that are begun in a loop end at a limit, and nobody else is harmed", async () => {
  const root = mkdtempSync(join(folder, "loop-"));
  const access: Access = ({ headers }) => ({ allow: true, actor: headers.get("x-user") ?? undefined });
  await using registry = await Registry.start({ storage: await FileStore.open(root), access });
  const post = async (user: string, i: number) => {
    const path = `${registry.url}v2/team/app${i % 7}/blobs/uploads/`;
    const answer = await fetch(path, { method: "POST", headers: { "x-user": user } });
    return {
      status: answer.status,
      location: answer.headers.get("location") ?? "",
      text: await answer.text(),
    };
  };
  const answers: Awaited<ReturnType<typeof post>>[] = [];
  while (answers.length < 10_500)
    answers.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => post("ann", i)))));
  const refused = answers.filter(({ status }) => status === 429);
  // Those that begin at the same moment may all be let in.
  expect(Math.abs(refused.length - 500)).toBeLessThan(50);
  expect(refused[0]?.text).toContain("uploads of this user are unfinished");
  expect(readdirSync(join(root, "uploads")).length).toBeLessThan(20_300);
  const other = await post("bob", 0);
  expect(other.status).toBe(202);
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update("x").digest("hex")}`;
  const put = await fetch(`${new URL(other.location, registry.url)}?digest=${digest}`, {
    ...{ method: "PUT", body: "x" },
    headers: { "x-user": "bob" },
  });
  expect(put.status).toBe(201);
}, 60_000);

test("the address of those who are not logged in is the one that a trusted proxy names", async () => {
  await using registry = await Registry.start({
    ...{ storage: new MemoryStore(), trustedProxies: ["127.0.0.0/8", "::1"] },
  });
  const post = async (address: string) => {
    const headers = { "x-forwarded-for": address };
    return (await fetch(`${registry.url}v2/app/blobs/uploads/`, { method: "POST", headers })).status;
  };
  for (let done = 0; done < 10_000; done += 100)
    await Promise.all(Array.from({ length: 100 }, () => post("192.0.2.1")));
  expect([await post("192.0.2.1"), await post("192.0.2.2"), await post("192.0.2.1")]).toEqual([
    429, 202, 429,
  ]);
}, 60_000);

test("an upload that came for long has its end after that, however many others begin meanwhile", async () => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage });
  const post = () => fetch(`${registry.url}v2/app/blobs/uploads/`, { method: "POST" });
  const slow = new URL((await post()).headers.get("location")!, registry.url).href;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("x"));
      await ended;
      controller.close();
    },
  });
  const patch = fetch(slow, { method: "PATCH", body });
  for (let done = 1; done < 10_000; done += 99) await Promise.all(Array.from({ length: 99 }, post));
  await later(600_000, async () => {
    end();
    expect((await patch).status).toBe(202);
    expect((await post()).status).toBe(202);
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update("x").digest("hex")}`;
    expect((await fetch(`${slow}?digest=${digest}`, { method: "PUT" })).status).toBe(201);
  });
}, 60_000);

test("what a power cut left of a label is nobody's", () => {
  const label = JSON.stringify({ repository: "team/app", actor: "ann" });
  expect(parseLabel(label)).toEqual({ repository: "team/app", actor: "ann" });
  for (const text of [label.slice(0, 20), "", "null", "5", '{"fill":"x"}', "scrub"])
    expect(parseLabel(text)).toBeUndefined();
});
