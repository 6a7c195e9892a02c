import { describe, expect, test } from "bun:test";
import type { ObjectStore, Upload } from "./object-store.ts";

const text = (value: string) => new TextEncoder().encode(value);

async function* chunks(...values: (string | Uint8Array)[]): AsyncIterable<Uint8Array> {
  for (const value of values) yield typeof value === "string" ? text(value) : value;
}

async function* breaking(value: string): AsyncIterable<Uint8Array> {
  yield text(value);
  throw new Error("the line was cut");
}

async function bytesOf(store: ObjectStore, key: string, range?: { start: number; end: number }) {
  const found = await store.get(key, range);
  return found ? new Response(found.body).text() : undefined;
}

async function collect(upload: Upload): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of upload.stream()) parts.push(part.slice());
  return new Blob(parts as Uint8Array<ArrayBuffer>[]).text();
}

export interface StoreFactory {
  /** An empty store. */
  open(): Promise<ObjectStore>;
  /** The same store as another process would open it after the first was closed; absent where nothing survives. */
  reopen?(): Promise<ObjectStore>;
}

/** What every storage driver must do (see `object-store.ts`). A driver's own test hands in a factory and nothing else. */
export function testObjectStore(name: string, factory: StoreFactory): void {
  describe(`${name}: object store`, () => {
    const withStore = (run: (store: ObjectStore) => Promise<void>) => async () => {
      await using store = await factory.open();
      await run(store);
    };

    test(
      "what was put is what is found",
      withStore(async (store) => {
        const etag = await store.put("blobs/sha256/ab", text("hello"));
        expect(await store.head("blobs/sha256/ab")).toMatchObject({ size: 5, etag });
        expect((await store.read("blobs/sha256/ab", 5))?.bytes).toEqual(text("hello"));
        expect(await bytesOf(store, "blobs/sha256/ab")).toBe("hello");
        expect(await bytesOf(store, "blobs/sha256/ab", { start: 1, end: 3 })).toBe("el");
        expect(Math.abs((await store.head("blobs/sha256/ab"))!.modified - Date.now())).toBeLessThan(60_000);
        await store.put("blobs/sha256/empty", text(""));
        expect(await bytesOf(store, "blobs/sha256/empty")).toBe("");
      }),
    );

    test(
      "what is not there is undefined, and deleting it says so",
      withStore(async (store) => {
        expect(await store.head("a/b")).toBeUndefined();
        expect(await store.get("a/b")).toBeUndefined();
        expect(await store.read("a/b", 10)).toBeUndefined();
        expect(await store.delete("a/b")).toBe(false);
        await store.put("a/b", text("x"));
        expect(await store.head("a")).toBeUndefined();
        expect(await store.delete("a/b")).toBe(true);
        expect(await store.head("a/b")).toBeUndefined();
      }),
    );

    test(
      "a read is limited",
      withStore(async (store) => {
        await store.put("a", text("hello"));
        await expect(store.read("a", 4)).rejects.toMatchObject({ code: "REGISTRY_STORAGE" });
      }),
    );

    test(
      "conditions: only when free, only over the version that was seen",
      withStore(async (store) => {
        const first = await store.put("tag", text("1"), { ifNoneMatch: "*" });
        const changed = { code: "OBJECT_CHANGED" };
        await expect(store.put("tag", text("2"), { ifNoneMatch: "*" })).rejects.toMatchObject(changed);
        const second = await store.put("tag", text("2"), { ifMatch: first });
        expect(second).not.toBe(first);
        await expect(store.put("tag", text("3"), { ifMatch: first })).rejects.toMatchObject(changed);
        await expect(store.put("other", text("3"), { ifMatch: first })).rejects.toMatchObject(changed);
        expect(await bytesOf(store, "tag")).toBe("2");
        await expect(store.delete("tag", first)).rejects.toMatchObject(changed);
        expect(await store.delete("tag", second)).toBe(true);
      }),
    );

    test(
      "of many rivals for a free key, and for one version, exactly one wins",
      withStore(async (store) => {
        const race = async (condition: { ifNoneMatch?: "*"; ifMatch?: string }) => {
          const rivals = Array.from({ length: 8 }, (_, i) =>
            store.put("race", text(`rival ${i} ${JSON.stringify(condition)}`), condition),
          );
          const outcomes = await Promise.allSettled(rivals);
          for (const outcome of outcomes)
            if (outcome.status === "rejected")
              expect(outcome.reason).toMatchObject({ code: "OBJECT_CHANGED" });
          return outcomes.filter((outcome) => outcome.status === "fulfilled");
        };
        const won = await race({ ifNoneMatch: "*" });
        expect(won).toHaveLength(1);
        expect(await race({ ifMatch: won[0]!.value })).toHaveLength(1);
      }),
    );

    test(
      "lists keys in byte order, a page at a time",
      withStore(async (store) => {
        const keys = ["r/a-b/x", "r/a/b/x", "r/a/x", "r/a0/x", "r/B/x", "r/_t/1", "r/_t/10", "r/_t/2", "s/x"];
        for (const key of keys) await store.put(key, text(key));
        const expected = keys.filter((key) => key.startsWith("r/")).sort();
        expect(await store.list("r/", { limit: 100 })).toEqual(expected);
        for (let size = 1; size <= 3; size++) {
          const seen: string[] = [];
          for (;;) {
            const page = await store.list("r/", { after: seen.at(-1), limit: size });
            seen.push(...page);
            if (page.length < size) break;
          }
          expect(seen).toEqual(expected);
        }
        expect(await store.list("r/_t/", { after: "r/_t/1", limit: 1 })).toEqual(["r/_t/10"]);
        expect(await store.list("r/_t/", { after: "r/_t/11", limit: 9 })).toEqual(["r/_t/2"]);
        expect(await store.list("nothing/", { limit: 9 })).toEqual([]);
        expect(await store.list("r/", { limit: 0 })).toEqual([]);
      }),
    );

    test(
      "where an object can be given another key, that is the version that was seen",
      withStore(async (store) => {
        const rename = store.rename?.bind(store);
        if (!rename) return;
        const etag = await store.put("from/a", text("x"));
        await store.put("to/b", text("old"));
        const changed = { code: "OBJECT_CHANGED" };
        await expect(rename("from/a", "to/b", `${etag}0`)).rejects.toMatchObject(changed);
        await expect(rename("from/none", "to/b", etag)).rejects.toMatchObject(changed);
        await expect(rename("from/a", "../b", etag)).rejects.toMatchObject({ code: "OBJECT_KEY_INVALID" });
        await rename("from/a", "to/b", etag);
        expect([await bytesOf(store, "from/a"), await bytesOf(store, "to/b")]).toEqual([undefined, "x"]);
        expect(await store.list("to/", { limit: 9 })).toEqual(["to/b"]);
      }),
    );

    test(
      "hostile keys are refused by every call",
      withStore(async (store) => {
        const hostile = [
          "../x",
          "a/../b",
          "/etc/passwd",
          "a//b",
          "a/",
          "",
          ".",
          "a/.b",
          "a\0",
          "a%2e",
          "a b",
          "ä",
        ];
        for (const key of hostile) {
          const refused = { code: "OBJECT_KEY_INVALID" };
          await expect(store.put(key, text("x"))).rejects.toMatchObject(refused);
          await expect(store.get(key)).rejects.toMatchObject(refused);
          await expect(store.delete(key)).rejects.toMatchObject(refused);
          await expect(store.list(`${key}/`, { limit: 1 })).rejects.toMatchObject(refused);
        }
        for (const id of ["../../x", "", "nothing", crypto.randomUUID()])
          expect(await store.openUpload(id)).toBeUndefined();
      }),
    );

    test(
      "a body that was handed out is read to its end after a delete",
      withStore(async (store) => {
        const content = new Uint8Array(3_000_000).fill(7);
        await store.put("big", content);
        const found = (await store.get("big"))!;
        const reader = (found.body instanceof Blob ? found.body.stream() : found.body).getReader();
        let length = (await reader.read()).value?.byteLength ?? 0;
        await store.delete("big");
        for (let next = await reader.read(); !next.done; next = await reader.read())
          length += next.value.byteLength;
        expect(length).toBe(content.byteLength);
      }),
    );

    test(
      "an upload grows, can be opened again, and shows nothing before its commit",
      withStore(async (store) => {
        const upload = await store.createUpload("label");
        const seen: number[] = [];
        await upload.append(chunks("ab", "c"), { onChunk: (chunk) => seen.push(chunk.byteLength) });
        expect(seen).toEqual([2, 1]);
        expect(upload.length).toBe(3);
        const again = (await store.openUpload(upload.id))!;
        expect(again).toMatchObject({ length: 3, label: "label" });
        await again.append(chunks("def"));
        expect(await collect(again)).toBe("abcdef");
        expect(await store.head("blobs/x")).toBeUndefined();
        await again.commit("blobs/x");
        expect(await bytesOf(store, "blobs/x")).toBe("abcdef");
        expect(await store.openUpload(upload.id)).toBeUndefined();
      }),
    );

    test(
      "an upload of several parts, continued and read back",
      withStore(async (store) => {
        const piece = new Uint8Array(3 << 20).map((_, i) => i * 31);
        const upload = await store.createUpload("");
        await upload.append(chunks(piece, piece));
        const again = (await store.openUpload(upload.id))!;
        await again.append(chunks(piece, piece, "end"), { last: true });
        const digest = async (body: AsyncIterable<Uint8Array>) => {
          const hash = new Bun.CryptoHasher("sha256");
          for await (const chunk of body) hash.update(chunk);
          return hash.digest("hex");
        };
        const expected = await digest(chunks(piece, piece, piece, piece, "end"));
        expect(await digest(again.stream())).toBe(expected);
        await again.commit("blobs/parts");
        const stored = (await store.get("blobs/parts"))!;
        expect(stored.size).toBe(4 * piece.byteLength + 3);
        expect(await digest(new Response(stored.body).body!)).toBe(expected);
        const range = { start: piece.byteLength - 2, end: piece.byteLength + 2 };
        const part = new Uint8Array(
          await new Response((await store.get("blobs/parts", range))!.body).arrayBuffer(),
        );
        expect([...part]).toEqual([...piece.slice(-2), ...piece.slice(0, 2)]);
      }),
    );

    test(
      "what came before a source broke is kept and continued",
      withStore(async (store) => {
        const upload = await store.createUpload("");
        await expect(upload.append(breaking("abc"))).rejects.toThrow("the line was cut");
        const again = (await store.openUpload(upload.id))!;
        expect([upload.length, again.length]).toEqual([3, 3]);
        await again.append(chunks("def"));
        await again.commit("x");
        expect(await bytesOf(store, "x")).toBe("abcdef");
      }),
    );

    test(
      "an empty upload, an aborted one, one over an existing object",
      withStore(async (store) => {
        await (await store.createUpload("")).commit("empty");
        expect(await bytesOf(store, "empty")).toBe("");
        const dropped = await store.createUpload("");
        await dropped.append(chunks("x"));
        await dropped.abort();
        await dropped.abort();
        expect(await store.openUpload(dropped.id)).toBeUndefined();
        const over = await store.createUpload("");
        await over.append(chunks("new"));
        await over.commit("empty");
        expect(await bytesOf(store, "empty")).toBe("new");
      }),
    );

    test(
      "uploads nobody touched are found and dropped",
      withStore(async (store) => {
        const upload = await store.createUpload("");
        expect(await store.staleUploads(Date.now() - 60_000)).toEqual([]);
        expect(await store.staleUploads(Date.now() + 60_000)).toEqual([upload.id]);
        for (const _ of [1, 2]) await store.dropUpload(upload.id);
        expect(await store.staleUploads(Date.now() + 60_000)).toEqual([]);
        expect(await store.openUpload(upload.id)).toBeUndefined();
      }),
    );

    test(
      "the medium can be checked",
      withStore((store) => store.check()),
    );

    const { reopen } = factory;
    if (!reopen) return;
    test("objects and uploads survive the process", async () => {
      let id: string;
      {
        await using store = await factory.open();
        await store.put("a/b", text("kept"));
        const upload = await store.createUpload("label");
        await upload.append(chunks("abc"));
        id = upload.id;
      }
      await using store = await reopen();
      expect(await bytesOf(store, "a/b")).toBe("kept");
      const upload = (await store.openUpload(id))!;
      expect(upload).toMatchObject({ length: 3, label: "label" });
      await upload.append(chunks("def"));
      await upload.commit("c");
      expect(await bytesOf(store, "c")).toBe("abcdef");
    });
  });
}
