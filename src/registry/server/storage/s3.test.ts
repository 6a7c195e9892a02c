import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  findS3Server,
  type S3Server,
  s3Credentials,
  startS3Server,
} from "../../../../test/support/s3-server.ts";
import { sha256 } from "../../../oci/index.ts";
import { testChecks, testPullThroughChecks } from "../protocol/checks/index.ts";
import { testRegistry } from "../protocol/suite/index.ts";
import { Registry } from "../server.ts";
import { testObjectStore } from "./conformance.ts";
import { S3Store } from "./s3.ts";
import { S3Client } from "./s3-client.ts";
import { escapeURI, signRequest } from "./s3-sign.ts";

const found = findS3Server();
const reason = "reason" in found ? found.reason : undefined;
if (reason) console.log(`S3 storage is not tested: ${reason}`);

describe.skipIf(reason !== undefined)("s3", () => {
  let server: S3Server;
  beforeAll(async () => {
    if ("path" in found) server = await startS3Server(found.path);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const options = (bucket: string) => ({
    ...{ endpoint: server.endpoint, credentials: s3Credentials, bucket, prefix: "some/prefix/" },
    // Small enough for the copy in parts to be used; S3 wants 5 MiB a part.
    copyLimit: 6 << 20,
  });
  let bucket = "";
  testObjectStore("s3", {
    open: () => {
      bucket = server.bucket();
      return S3Store.open(options(bucket));
    },
    reopen: () => S3Store.open(options(bucket)),
  });
  testRegistry("s3", () => S3Store.open(options(server.bucket())));
  testChecks("s3", () => S3Store.open(options(server.bucket())));
  testPullThroughChecks("s3", () => S3Store.open(options(server.bucket())));

  test("a large blob comes with its length", async () => {
    await using registry = await Registry.start({ storage: await S3Store.open(options(server.bucket())) });
    const bytes = crypto.getRandomValues(new Uint8Array(64 << 10));
    const blob = Buffer.concat(Array.from({ length: 40 }, () => bytes));
    const url = `${registry.url}v2/large/blobs/`;
    await fetch(`${url}uploads/?digest=${sha256(blob)}`, { method: "POST", body: blob });
    const whole = await fetch(`${url}${sha256(blob)}`);
    expect(whole.headers.get("content-length")).toBe(String(blob.byteLength));
    expect(Buffer.compare(await whole.bytes(), blob)).toBe(0);
    const part = await fetch(`${url}${sha256(blob)}`, { headers: { Range: "bytes=5-2000004" } });
    expect([part.status, part.headers.get("content-length")]).toEqual([206, "2000000"]);
    expect(Buffer.compare(await part.bytes(), blob.subarray(5, 2_000_005))).toBe(0);
  });

  test("with `redirect` who wants a large blob is sent to the S3 server, with leave to read that blob alone", async () => {
    const place = { ...options(server.bucket()), redirect: true };
    await using registry = await Registry.start({ storage: await S3Store.open(place) });
    const url = `${registry.url}v2/sent/blobs/`;
    const push = async (length: number) => {
      const bytes = Buffer.alloc(length, "a blob");
      await fetch(`${url}uploads/?digest=${sha256(bytes)}`, { method: "POST", body: bytes });
      return { bytes, at: `${url}${sha256(bytes)}` };
    };
    const [large, other, small] = await Promise.all([3 << 20, (3 << 20) + 1, 1000].map(push));
    const sent = await fetch(large!.at, { redirect: "manual" });
    expect([sent.status, sent.headers.get("docker-content-digest")]).toEqual([307, sha256(large!.bytes)]);
    expect(sent.headers.get("cache-control")).toBe("no-store");
    const address = new URL(sent.headers.get("location")!);
    expect(address.origin).toBe(new URL(server.endpoint).origin);
    expect(address.searchParams.get("X-Amz-Expires")).toBe("1200");
    expect(Buffer.compare(await (await fetch(large!.at)).bytes(), large!.bytes)).toBe(0);
    const part = await fetch(large!.at, { headers: { Range: "bytes=1000000-2999999" } });
    expect([part.status, (await part.bytes()).byteLength]).toEqual([206, 2_000_000]);
    const head = await fetch(large!.at, { method: "HEAD", redirect: "manual" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(3 << 20)]);
    expect((await fetch(small!.at, { redirect: "manual" })).status).toBe(200);
    // The address is for one object, and for reading it.
    const signature = address.search;
    const otherAddress = new URL((await fetch(other!.at, { redirect: "manual" })).headers.get("location")!);
    expect((await fetch(`${otherAddress.origin}${otherAddress.pathname}${signature}`)).status).toBe(403);
    expect((await fetch(address, { method: "DELETE" })).status).toBe(403);
  });

  test("those who are sent away are sent to the address they can reach", async () => {
    const place = {
      ...options(server.bucket()),
      redirect: true,
      publicEndpoint: "https://s3.example:9000/at/",
    };
    await using store = await S3Store.open(place);
    const address = new URL((await store.address("blobs/sha256/x", 60))!);
    expect(address.href).toStartWith(
      `https://s3.example:9000/at/${place.bucket}/some/prefix/blobs/sha256/x?X-Amz-`,
    );
    await using plain = await S3Store.open(options(place.bucket));
    expect(await plain.address("blobs/sha256/x", 60)).toBeUndefined();
  });

  test("what is no object of ours is not listed, and hides none of ours", async () => {
    const bucket = server.bucket();
    await using store = await S3Store.open(options(bucket));
    const ours = ["a", "b", "c", "d"].map((name) => `blobs/sha256/${name}`);
    for (const key of ours) await store.put(key, new Uint8Array([1]));
    const folder = join(server.folder(bucket), "some/prefix/blobs/sha256");
    for (const name of [".a.sgwtmp.1", ".b.sgwtmp.2", "a b", "b~", "c,"])
      writeFileSync(join(folder, name), "x");
    expect(await store.list("blobs/", { limit: 10 })).toEqual(ours);
    for (const size of [1, 2, 3]) {
      const seen: string[] = [];
      for (let page = ["", ""]; page.length > 0; seen.push(...page))
        page = await store.list("blobs/", { after: seen.at(-1), limit: size });
      expect(seen).toEqual(ours);
    }
  });

  test("pieces of uploads that a kill left without a state are stale uploads too, and can be dropped", async () => {
    const place = options(server.bucket());
    await using store = await S3Store.open(place);
    const client = new S3Client(place);
    const multiparts = () => Array.fromAsync(client.multiparts("_uploads/"));
    const [tail, parts] = [crypto.randomUUID(), crypto.randomUUID()];
    await store.put(`_uploads/${tail}/tail-3`, new Uint8Array(10));
    await client.request("POST", `_uploads/${parts}/data`, { query: { uploads: "" } });
    // One that is being written: its multipart upload is not in its state yet.
    const living = await store.createUpload("");
    await client.request("POST", `_uploads/${living.id}/data`, { query: { uploads: "" } });
    expect((await multiparts()).map(({ key }) => key).sort()).toEqual(
      [parts, living.id].map((id) => `_uploads/${id}/data`).sort(),
    );
    expect(await store.staleUploads(Date.now() - 60_000)).toEqual([]);
    expect((await store.staleUploads(Date.now() + 60_000)).sort()).toEqual([tail, parts, living.id].sort());
    for (const id of [tail, parts, living.id]) for (const _ of [1, 2]) await store.dropUpload(id);
    expect(await store.staleUploads(Date.now() + 60_000)).toEqual([]);
    expect([await store.list("_uploads/", { limit: 10 }), await multiparts()]).toEqual([[], []]);
  });

  test("of two that continue one upload, the one that is late is told", async () => {
    await using store = await S3Store.open(options(server.bucket()));
    const one = await store.createUpload("");
    const other = (await store.openUpload(one.id))!;
    async function* chunk() {
      yield new Uint8Array(10);
    }
    await one.append(chunk());
    await expect(other.append(chunk())).rejects.toMatchObject({ code: "OBJECT_CHANGED" });
    expect((await store.openUpload(one.id))!.length).toBe(10);
  });

  describe("an upload whose end was cut off by a kill", () => {
    const bytes = (mib: number) => new Uint8Array(mib << 20).fill(7);
    const begin = async (mib: number) => {
      const store = await S3Store.open(options(server.bucket()));
      const upload = await store.createUpload("");
      await upload.append(
        (async function* () {
          yield bytes(mib);
        })(),
      );
      const state = `_uploads/${upload.id}/state`;
      return { store, upload, state, before: (await store.read(state, 1 << 20))!.bytes };
    };
    const left = async (store: S3Store) => store.list("_uploads/", { limit: 10 });

    test("what was removed before the state is not waited for: the upload is gone, and nothing of it is left", async () => {
      for (const [mib, name] of [
        [1, "tail-1"],
        [9, "tail-1"],
      ] as const) {
        const { store, upload, state } = await begin(mib);
        await using _ = store;
        await store.delete(state.replace("state", name));
        const again = (await store.openUpload(upload.id))!;
        await expect(again.commit("blobs/x")).rejects.toMatchObject({ code: "UPLOAD_GONE" });
        expect(await left(store)).toEqual([]);
      }
    });

    test("a blob put together whose data was removed is gone as well", async () => {
      const { store, upload, state } = await begin(9);
      await using _ = store;
      for await (const _ of upload.stream());
      await store.delete(state.replace("state", "data"));
      const again = (await store.openUpload(upload.id))!;
      await expect(again.append((async function* () {})())).rejects.toMatchObject({ code: "UPLOAD_GONE" });
      await expect(Array.fromAsync(again.stream())).rejects.toMatchObject({ code: "UPLOAD_GONE" });
      expect(await left(store)).toEqual([]);
    });

    test("parts put together, and the state not saved: the same bytes when that was all, else gone", async () => {
      for (const [mib, isAll] of [
        [16, true],
        [9, false],
      ] as const) {
        const { store, upload, state, before } = await begin(mib);
        await using _ = store;
        const tail = await store.read(state.replace("state", "tail-1"), 8 << 20);
        for await (const _ of upload.stream());
        await store.put(state, before);
        if (tail) await store.put(state.replace("state", "tail-1"), tail.bytes);
        const again = (await store.openUpload(upload.id))!;
        if (isAll) await again.commit("blobs/x");
        else await expect(again.commit("blobs/x")).rejects.toMatchObject({ code: "UPLOAD_GONE" });
        expect((await store.head("blobs/x"))?.size).toBe(isAll ? mib << 20 : undefined);
        expect(await left(store)).toEqual([]);
      }
    });

    test("parts put together, and somebody goes on with several more: gone, told once", async () => {
      const { store, upload, state, before } = await begin(8);
      await using _ = store;
      for await (const _ of upload.stream());
      await store.put(state, before);
      const again = (await store.openUpload(upload.id))!;
      const more = async function* () {
        for (let i = 0; i < 40; i++) yield bytes(1);
      };
      await expect(again.append(more(), { last: true })).rejects.toMatchObject({ code: "UPLOAD_GONE" });
      expect(await left(store)).toEqual([]);
    });

    test("of one that others went on with, nothing is removed", async () => {
      const { store, upload } = await begin(1);
      await using _ = store;
      const [late, other] = [(await store.openUpload(upload.id))!, (await store.openUpload(upload.id))!];
      await other.append(
        (async function* () {
          yield bytes(1);
        })(),
      );
      await expect(late.commit("blobs/x")).rejects.toMatchObject({ code: "OBJECT_CHANGED" });
      await (await store.openUpload(upload.id))!.commit("blobs/x");
      expect((await store.head("blobs/x"))?.size).toBe(2 << 20);
    });

    test("the registry answers that there is no such upload, and the client begins again", async () => {
      const storage = await S3Store.open(options(server.bucket()));
      await using registry = await Registry.start({ storage });
      const begun = await fetch(`${registry.url}v2/a/b/blobs/uploads/`, { method: "POST" });
      const place = new URL(begun.headers.get("location")!, registry.url);
      await fetch(place, { method: "PATCH", body: "some bytes" });
      const id = place.pathname.split("/").at(-1)!;
      await storage.delete(`_uploads/${id}/tail-1`);
      place.searchParams.set("digest", sha256("some bytes"));
      for (let i = 0; i < 2; i++) {
        const answer = await fetch(place, { method: "PUT" });
        expect([
          answer.status,
          ((await answer.json()) as { errors: { code: string }[] }).errors[0]?.code,
        ]).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
      }
    });
  });

  test("many uploads at once, more than have their parts in memory: each keeps its own bytes", async () => {
    const place = options(server.bucket());
    await using store = await S3Store.open(place);
    // Somebody who stops in the middle keeps nobody waiting.
    const gate = Promise.withResolvers<void>();
    const slow = await store.createUpload("");
    const stopped = slow.append(
      (async function* () {
        yield new Uint8Array(100).fill(200);
        await gate.promise;
      })(),
    );
    const size = 9 << 20;
    await Promise.all(
      Array.from({ length: 16 }, async (_, number) => {
        const upload = await store.createUpload("");
        const source = async function* () {
          for (let i = 0; i < 9; i++) {
            yield new Uint8Array(1 << 20).fill(number);
            await Bun.sleep(1);
          }
        };
        await upload.append(source(), { last: true });
        await upload.commit(`blobs/many/${number}`);
        const { body } = (await store.get(`blobs/many/${number}`))!;
        const bytes = new Uint8Array(await new Response(body).arrayBuffer());
        expect([bytes.length, bytes.every((byte) => byte === number)]).toEqual([size, true]);
      }),
    );
    gate.resolve();
    await stopped;
    expect((await store.openUpload(slow.id))!.length).toBe(100);
    await slow.abort();
    // An upload that was resumed leaves nothing behind.
    const resumed = await store.createUpload("");
    const some = async function* () {
      yield new Uint8Array(size);
    };
    await resumed.append(some());
    const again = (await store.openUpload(resumed.id))!;
    await again.append(some(), { last: true });
    await again.commit("blobs/many/resumed");
    expect((await store.head("blobs/many/resumed"))!.size).toBe(2 * size);
    const { endpoint } = server;
    const raw = new Bun.S3Client({ endpoint, bucket: place.bucket, region: "us-east-1", ...s3Credentials });
    expect((await raw.list({ prefix: "some/prefix/_uploads/" })).contents ?? []).toEqual([]);
  }, 30_000);

  test("a bucket or a user that is gone is no object that is missing", async () => {
    const place = options(server.bucket());
    await using store = await S3Store.open(place);
    expect(await store.read("blobs/none", 10)).toBeUndefined();
    rmSync(server.folder(place.bucket), { recursive: true });
    await expect(store.read("blobs/none", 10)).rejects.toThrow("answered 404 NoSuchBucket");
    await expect(store.get("blobs/none")).rejects.toThrow("answered 404 NoSuchBucket");
    const client = new S3Client({ ...place, credentials: { accessKeyId: "gone", secretAccessKey: "s" } });
    await expect(client.request("GET", "blobs/none", { accept: [404] })).rejects.toThrow(
      "XAdminUserNotFound",
    );
  });

  test("a bucket that does not exist, and credentials that are wrong, are reported without the secret", async () => {
    const secret = "very-secret";
    const wrong = { ...options(server.bucket()), credentials: { accessKeyId: "x", secretAccessKey: secret } };
    const nobody = { ...options("any"), endpoint: "http://127.0.0.1:1" };
    for (const [bad, hint] of [
      [options("nobucket"), "make the bucket nobucket"],
      [wrong, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"],
      [nobody, "check the endpoint"],
    ] as const) {
      const error = await S3Store.open(bad).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "REGISTRY_STORAGE", hint: expect.stringContaining(hint) });
      expect(String(error)).not.toContain(secret);
    }
  });
});

test("Signature Version 4: AWS's published example", () => {
  const headers = signRequest(
    {
      method: "GET",
      path: "/test.txt",
      query: "",
      headers: { host: "examplebucket.s3.amazonaws.com", range: "bytes=0-9" },
      payload: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
    {
      credentials: {
        accessKeyId: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      },
      region: "us-east-1",
      now: new Date("2013-05-24T00:00:00Z"),
    },
  );
  expect(headers.authorization).toEndWith(
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
  expect(escapeURI("a!b (c)*'/")).toBe("a%21b%20%28c%29%2A%27%2F");
});
