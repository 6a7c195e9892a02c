import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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

test("an upload whose file is gone, or cannot be opened, ends as what it is", async () => {
  const at = join(base, "gone");
  await using store = await FileStore.open(at);
  const upload = await store.createUpload("");
  const data = join(at, "uploads", `${upload.id}.data`);
  rmSync(data);
  await expect(upload.commit("a")).rejects.toMatchObject({ code: "UPLOAD_GONE" });
  mkdirSync(data);
  await expect(upload.commit("a")).rejects.toMatchObject({ code: "REGISTRY_STORAGE" });
});

test("pages of a large folder are those of a small one, whatever comes and goes between them", async () => {
  const at = join(base, "large");
  const there = new Set<string>();
  const keyOf = (i: number) => `r/${i % 3 === 0 ? "_tags" : `n${i % 700}`}/t${i}`;
  for (let i = 0; i < 3000; i++) {
    const path = join(at, "objects", keyOf(i));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "x");
    there.add(keyOf(i));
  }
  await using store = await FileStore.open(at);
  const bytes = new Uint8Array(1);
  const random = makeRandom(7);
  const expectPages = async (prefix: string) => {
    const all = [...there].filter((key) => key.startsWith(prefix)).sort();
    const after = random(4) === 0 ? `${prefix}t${random(3000)}` : all[random(all.length)];
    const limit = 1 + random(40);
    const page = all.filter((key) => after === undefined || key > after).slice(0, limit);
    expect(await store.list(prefix, { after, limit })).toEqual(page);
  };
  for (let round = 0; round < 150; round++) {
    const key = random(2) === 0 ? keyOf(random(3000)) : `r/new${random(9)}/t${random(9)}`;
    if (random(2) === 0) {
      await store.put(key, bytes);
      there.add(key);
    } else expect(await store.delete(key)).toBe(there.delete(key));
    if (random(10) === 0) {
      const upload = await store.createUpload("");
      await upload.commit("r/_tags/upload");
      there.add("r/_tags/upload");
    }
    for (const prefix of ["r/", "r/_tags/"]) await expectPages(prefix);
  }
}, 60_000);

test("folders that hold nothing any more are taken away, those an older version left too", async () => {
  const at = join(base, "emptied");
  mkdirSync(join(at, "objects", "repos", "old", "_tagged", "sha256", "0".repeat(64)), { recursive: true });
  await using store = await FileStore.open(at);
  await store.put("repos/a/b/_tags/1", new Uint8Array(1));
  await store.put("repos/a/_tags/1", new Uint8Array(1));
  const folders = () => readdirSync(join(at, "objects"), { recursive: true }).sort();
  expect(await store.list("repos/", { limit: 10 })).toEqual(["repos/a/_tags/1", "repos/a/b/_tags/1"]);
  expect(folders()).not.toContain("repos/old");
  await store.delete("repos/a/b/_tags/1");
  expect(folders()).toEqual(["repos", "repos/a", "repos/a/_tags", "repos/a/_tags/1"]);
  await store.delete("repos/a/_tags/1");
  expect(folders()).toEqual(["repos"]);
});

test("a folder that comes and goes loses nothing that is written to it", async () => {
  const at = join(base, "race");
  await using store = await FileStore.open(at);
  const worker = async (name: string) => {
    for (let i = 0; i < 40; i++) {
      await store.put(`repos/x/_tags/${name}`, new Uint8Array(i));
      expect((await store.head(`repos/x/_tags/${name}`))?.size).toBe(i);
      expect(await store.list("repos/x/", { limit: 9 })).toContain(`repos/x/_tags/${name}`);
      expect(await store.delete(`repos/x/_tags/${name}`)).toBe(true);
    }
  };
  await Promise.all(["a", "b", "c"].map(worker));
}, 60_000);

function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}
