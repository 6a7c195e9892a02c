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

async function begin(uploads: OpenUploads, storage: ObjectStore, actor?: string): Promise<string> {
  await uploads.makeRoom(actor);
  const { id } = await storage.createUpload(label(actor));
  uploads.touched(actor, id);
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

test("what a power cut left of a label is nobody's", () => {
  const label = JSON.stringify({ repository: "team/app", actor: "ann" });
  expect(parseLabel(label)).toEqual({ repository: "team/app", actor: "ann" });
  for (const text of [label.slice(0, 20), "", "null", "5", '{"fill":"x"}', "scrub"])
    expect(parseLabel(text)).toBeUndefined();
});
