import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { type Digest, sha256 } from "../oci/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";

const text = new TextEncoder();

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield text.encode(part);
}

describe("put", () => {
  test("stores bytes and streams under their digest", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const blob = await t.store.blobs.put(chunks("ab", "", "c"), { lease });
    expect(blob).toEqual({ digest: sha256("abc"), size: 3 });
    expect(await t.store.blobs.put(text.encode("abc"), { lease })).toEqual(blob);
    expect(Buffer.from(await t.store.blobs.read(blob.digest)).toString()).toBe("abc");
    expect(t.store.blobs.stat(blob.digest)).toEqual(blob);
    expect(t.store.blobs.list()).toEqual([blob]);
    expect(statSync(t.store.blobs.path(blob.digest)).mode & 0o222).toBe(0);
    expect(await t.store.blobs.put(new Uint8Array(), { lease })).toEqual({ digest: sha256(""), size: 0 });
  });

  test("takes sha512 where it was promised", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const hash = new Bun.CryptoHasher("sha512").update("abc").digest("hex");
    const digest = `sha512:${hash}` as Digest;
    expect(await t.store.blobs.put(chunks("abc"), { lease, digest })).toEqual({ digest, size: 3 });
    expect(t.store.blobs.path(digest)).toBe(join(t.root, "blobs", "sha512", hash));
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
  });

  test.each([
    ["the way failed", new StrakeError("REGISTRY_UNREACHABLE", "gone"), true],
    ["the user stopped it", new StrakeError("CANCELED", "canceled"), true],
    ["the disk is full", new StrakeError("STORE_FULL", "full"), false],
    [
      "it was stopped for another that found the disk full",
      new StrakeError("CANCELED", "canceled", { cause: new StrakeError("STORE_FULL", "full") }),
      false,
    ],
  ])("what came is kept for the next one when that can help: %s", async (_, error, kept) => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const digest = sha256("more than that");
    async function* broken() {
      yield new Uint8Array(2 << 20);
      throw error;
    }
    await expect(t.store.blobs.put(broken(), { lease, digest, resumable: true })).rejects.toBe(error);
    const partial = t.store.blobs.takePartial(digest);
    expect(partial?.size).toBe(kept ? 2 << 20 : undefined);
    partial?.drop();
  });

  test("content promised and already there is not read again", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const { digest } = await t.store.blobs.put(text.encode("abc"), { lease });
    const untouchable = {
      [Symbol.asyncIterator]: () => {
        throw new Error("read");
      },
    };
    expect(await t.store.blobs.put(untouchable, { lease, digest, size: 3 })).toEqual({ digest, size: 3 });
    await expect(t.store.blobs.put(text.encode("other"), { lease, digest })).rejects.toMatchObject({
      code: "BLOB_MISMATCH",
    });
  });

  const leavesNothing = async (
    put: (t: ReturnType<typeof temporaryStore>) => Promise<unknown>,
    code: string,
  ) => {
    using t = temporaryStore();
    await expect(put(t)).rejects.toMatchObject({ code });
    expect(readdirSync(join(t.root, "blobs", "sha256"))).toEqual([]);
    expect(t.store.blobs.list()).toEqual([]);
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
  };

  test("a wrong digest leaves nothing", () =>
    leavesNothing(
      (t) => t.store.blobs.put(chunks("abc"), { lease: t.store.lease(), digest: sha256("x") }),
      "BLOB_MISMATCH",
    ));

  test("a source shorter than promised leaves nothing", () =>
    leavesNothing(
      (t) => t.store.blobs.put(chunks("abc"), { lease: t.store.lease(), size: 4 }),
      "BLOB_MISMATCH",
    ));

  test("a source longer than promised is cut off, not stored", () => {
    let sent = 0;
    const endless = async function* () {
      for (; sent < 1000; sent++) yield new Uint8Array(1000);
    };
    return leavesNothing(async (t) => {
      await t.store.blobs.put(endless(), { lease: t.store.lease(), size: 2500 }).finally(() => {
        expect(sent).toBeLessThan(5);
      });
    }, "BLOB_MISMATCH");
  });

  test("a canceled put leaves nothing", () =>
    leavesNothing((t) => {
      const abort = new AbortController();
      const source = (async function* () {
        yield text.encode("a");
        abort.abort();
        yield text.encode("b");
      })();
      return t.store.blobs.put(source, { lease: t.store.lease(), signal: abort.signal });
    }, "CANCELED"));

  test("two puts of the same content at once both succeed", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const results = await Promise.all(
      Array.from({ length: 8 }, () => t.store.blobs.put(chunks("a", "b"), { lease })),
    );
    expect(new Set(results.map((blob) => blob.digest)).size).toBe(1);
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
    expect(readdirSync(join(t.root, "blobs", "sha256"))).toHaveLength(1);
  });
});

test("read refuses what is missing or too large", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { digest } = await t.store.blobs.put(text.encode("abcdef"), { lease });
  await expect(t.store.blobs.read(sha256("none"))).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
  await expect(t.store.blobs.read(digest, { limit: 5 })).rejects.toMatchObject({ code: "BLOB_TOO_LARGE" });
});

test("stream gives ranges", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { digest } = await t.store.blobs.put(text.encode("abcdef"), { lease });
  const collect = async (range?: { start?: number; end?: number }) => {
    const parts: Uint8Array[] = [];
    for await (const part of t.store.blobs.stream(digest, range)) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  expect(await collect()).toBe("abcdef");
  expect(await collect({ start: 2 })).toBe("cdef");
  expect(await collect({ start: 2, end: 4 })).toBe("cd");
  expect(await collect({ start: 2, end: 2 })).toBe("");
  expect(await collect({ end: 0 })).toBe("");
  expect(() => t.store.blobs.stream(sha256("none"))).toThrow(
    expect.objectContaining({ code: "BLOB_NOT_FOUND" }),
  );
});
