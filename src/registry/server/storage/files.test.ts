import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
