import { afterAll, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCached } from "../../../sys/index.ts";
import { testObjectStore } from "./conformance.ts";
import { FileStore } from "./files.ts";

const base = mkdtempSync(join(tmpdir(), "strake-registry-files-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let count = 0;
const folder = () => join(base, String(count));

testObjectStore("files", {
  open: () => {
    count++;
    return FileStore.open(folder());
  },
  reopen: () => FileStore.open(folder()),
});

test("a folder is served once at a time", async () => {
  const at = join(base, "locked");
  {
    await using _store = await FileStore.open(at);
    await expect(FileStore.open(at)).rejects.toMatchObject({ code: "REGISTRY_STORAGE_BUSY" });
  }
  await using _again = await FileStore.open(at);
});

test("half-written files of a killed process are gone at the next start", async () => {
  const at = join(base, "killed");
  await (await FileStore.open(at))[Symbol.asyncDispose]();
  writeFileSync(join(at, "temporary", "half"), "x");
  await using store = await FileStore.open(at);
  expect(readdirSync(join(at, "temporary"))).toEqual([]);
  expect(await store.list("blobs/", { limit: 1 })).toEqual([]);
});

test("a folder that cannot be made is named", async () => {
  writeFileSync(join(base, "file"), "");
  await expect(FileStore.open(join(base, "file", "x"))).rejects.toMatchObject({ code: "REGISTRY_STORAGE" });
});

test("kill -9 in the middle of writes leaves whole objects and uploads that resume", async () => {
  const at = join(base, "kill");
  const program = `
    import { FileStore } from ${JSON.stringify(join(import.meta.dir, "files.ts"))};
    const store = await FileStore.open(${JSON.stringify(at)});
    const upload = await store.createUpload("resumed");
    console.log(upload.id);
    const piece = new Uint8Array(100_000).fill(97);
    for (let i = 0; ; i++) {
      await store.put("objects/" + (i % 5), piece);
      await upload.append((async function* () { yield piece; })());
    }`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const id = new TextDecoder().decode((await reader.read()).value).trim();
  while (!existsSync(join(at, "objects", "objects", "3"))) await Bun.sleep(5);
  child.kill("SIGKILL");
  await child.exited;
  await using store = await FileStore.open(at);
  const keys = await store.list("objects/", { limit: 10 });
  expect(keys.length).toBeGreaterThan(2);
  for (const key of keys) expect((await store.head(key))!.size).toBe(100_000);
  const upload = (await store.openUpload(id))!;
  expect(upload.length).toBeGreaterThan(0);
  await upload.commit("resumed");
  expect((await store.head("resumed"))!.size).toBe(upload.length);
});

test("what is asked for right after it was pushed is brought into the page cache ahead of who sends it", async () => {
  const at = join(base, "ahead");
  await using store = await FileStore.open(at);
  const cached = (key: string) => {
    const fd = openSync(join(at, "objects", key), "r");
    try {
      return isCached(fd);
    } finally {
      closeSync(fd);
    }
  };
  const push = async (key: string, mib: number) => {
    const upload = await store.createUpload("");
    const chunk = new Uint8Array(mib << 20).fill(mib);
    await upload.append(
      (async function* () {
        yield chunk;
      })(),
    );
    await upload.commit(key);
    return cached(key);
  };
  // Where files cannot be written past the page cache there is nothing to bring.
  const wasCached = [await push("blobs/large", 16), await push("blobs/small", 2)];
  if (wasCached.includes(true)) return;
  await store.head("blobs/large");
  expect(cached("blobs/large")).toBe(false);
  for (const key of ["blobs/large", "blobs/small"]) await store.get(key);
  for (let i = 0; i < 500 && !cached("blobs/large"); i++) await Bun.sleep(2);
  expect([cached("blobs/large"), cached("blobs/small")]).toEqual([true, false]);
});
