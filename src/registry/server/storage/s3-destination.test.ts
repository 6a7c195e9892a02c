import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  findS3Server,
  type S3Server,
  s3Credentials,
  startS3Server,
} from "../../../../test/support/s3-server.ts";
import { serveRegistry } from "../../../../test/support/serve-registry.ts";
import { sha256 } from "../../../oci/index.ts";
import { blobKey } from "../layout.ts";
import { Registry } from "../server.ts";
import { S3Store } from "./s3.ts";
import { S3Client } from "./s3-client.ts";

const found = findS3Server();
const reason = "reason" in found ? found.reason : undefined;
if (reason) console.log(`S3 storage is not tested: ${reason}`);

const mib = 1 << 20;
const content = (size: number, byte = 7) => new Uint8Array(size).fill(byte);

async function* pieces(bytes: Uint8Array, between: () => unknown = () => {}) {
  for (let at = 0; at < bytes.length; at += mib) {
    await between();
    yield bytes.slice(at, at + mib);
  }
}

describe.skipIf(reason !== undefined)("an upload that says from the start which blob it is", () => {
  let server: S3Server;
  beforeAll(async () => {
    if ("path" in found) server = await startS3Server(found.path);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const place = () => ({
    ...{ endpoint: server.endpoint, credentials: s3Credentials, bucket: server.bucket(), prefix: "p/" },
  });
  const opened = async (options = place()) => {
    const client = new S3Client(options);
    return {
      options,
      store: await S3Store.open(options),
      multiparts: async () => (await Array.fromAsync(client.multiparts(""))).map(({ key }) => key),
    };
  };
  const key = "blobs/sha256/ab";
  const all = { last: true, destination: key } as const;
  const read = async (store: S3Store, name = key) => {
    const got = await store.get(name);
    return got && new Uint8Array(await new Response(got.body).arrayBuffer());
  };

  test("is sent to where it stays, shown by its commit alone, and never copied", async () => {
    const { store, multiparts } = await opened();
    await using _ = store;
    for (const size of [100, 8 * mib, 20 * mib + 5]) {
      const upload = await store.createUpload("");
      await upload.append(pieces(content(size)), all);
      expect(upload.length).toBe(size);
      expect(await multiparts()).toEqual(size < 8 * mib ? [] : [key]);
      expect(await store.head(key)).toBeUndefined();
      await upload.commit(key);
      expect((await read(store))!.length).toBe(size);
      expect([await multiparts(), await store.list("_uploads/", { limit: 9 })]).toEqual([[], []]);
      await store.delete(key);
    }
  });

  test("takes nothing from the blob that is there, and is only what it said it is", async () => {
    const { store, multiparts } = await opened();
    await using _ = store;
    await store.put(key, content(10));
    const upload = await store.createUpload("");
    await upload.append(pieces(content(9 * mib, 8)), all);
    await expect(Array.fromAsync(upload.stream())).rejects.toThrow("cannot be read before");
    await expect(upload.commit("blobs/sha256/cd")).rejects.toThrow("another key");
    expect([await read(store), await store.head("blobs/sha256/cd")]).toEqual([content(10), undefined]);
    await upload.abort();
    expect([await multiparts(), await store.list("_uploads/", { limit: 9 })]).toEqual([[], []]);
    expect(await read(store)).toEqual(content(10));
  });

  test("begins again when its source broke: as another one, too", async () => {
    const { store, multiparts } = await opened();
    await using _ = store;
    const upload = await store.createUpload("");
    const broken = async function* () {
      yield* pieces(content(17 * mib));
      throw new Error("the line was cut");
    };
    await expect(upload.append(broken(), all)).rejects.toThrow("the line was cut");
    expect([upload.length, (await store.openUpload(upload.id))!.length]).toEqual([0, 0]);
    expect([await multiparts(), await store.head(key)]).toEqual([[], undefined]);
    const again = (await store.openUpload(upload.id))!;
    await again.append(pieces(content(9 * mib, 3)));
    await again.commit("blobs/sha256/cd");
    expect(await read(store, "blobs/sha256/cd")).toEqual(content(9 * mib, 3));
  });

  test("leaves what a collection takes, when it was killed", async () => {
    const { store, options, multiparts } = await opened();
    await using _ = store;
    const client = new S3Client(options);
    const begin = (name: string) => client.request("POST", name, { query: { uploads: "" } });
    await begin(key);
    await begin("others/x");
    await store.put("blobs/sha256/cd", content(1));
    expect(await store.staleUploads(Date.now() - 60_000)).toEqual([]);
    const stale = await store.staleUploads(Date.now() + 60_000);
    expect(stale).toEqual([expect.stringContaining(`${key} `)]);
    for (const name of [...stale, ...stale, "blobs/sha256/cd", "blobs/../x 1", "others/x 1"])
      await store.dropUpload(name);
    expect([await multiparts(), await store.list("blobs/", { limit: 9 })]).toEqual([
      ["others/x"],
      ["blobs/sha256/cd"],
    ]);
  });

  const push = (registry: { url: URL | string }, bytes: Uint8Array, digest: string) =>
    fetch(`${registry.url}v2/a/b/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: new Blob([bytes as Uint8Array<ArrayBuffer>]),
    });

  test("in the registry: with another digest than said nothing is there; two replicas may send the same at once", async () => {
    const { store, options, multiparts } = await opened();
    await using one = await Registry.start({ storage: store });
    await using two = await Registry.start({ storage: await S3Store.open(options) });
    const bytes = content(20 * mib, 4);
    const digest = sha256(bytes);
    expect((await push(one, content(20 * mib, 5), digest)).status).toBe(400);
    expect((await fetch(`${one.url}v2/a/b/blobs/${digest}`)).status).toBe(404);
    expect([await multiparts(), await store.list("blobs/", { limit: 9 })]).toEqual([[], []]);
    const answers = await Promise.all([one, two, one, two].map((registry) => push(registry, bytes, digest)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    for (const { url } of [one, two]) {
      const got = await (await fetch(`${url}v2/a/b/blobs/${digest}`)).arrayBuffer();
      expect(sha256(new Uint8Array(got))).toBe(digest);
    }
    expect([await multiparts(), await store.list("_uploads/", { limit: 9 })]).toEqual([[], []]);
  });

  test("in the registry: begun at one replica and sent whole to another, it is not copied either", async () => {
    const { store, options, multiparts } = await opened();
    await using one = await Registry.start({ storage: store });
    await using two = await Registry.start({ storage: await S3Store.open(options) });
    const bytes = content(17 * mib, 6);
    const digest = sha256(bytes);
    const begun = await fetch(`${one.url}v2/a/b/blobs/uploads/`, { method: "POST" });
    const url = new URL(begun.headers.get("location")!, two.url);
    url.searchParams.set("digest", digest);
    const seen: string[][] = [];
    const source = pieces(bytes, async () => seen.push(await multiparts()));
    const { body } = new Response(source);
    expect((await fetch(url, { method: "PUT", body })).status).toBe(201);
    expect(seen.at(-1)).toEqual([blobKey(digest)]);
    expect((await fetch(`${one.url}v2/a/b/blobs/${digest}`)).status).toBe(200);
  });

  test("in a registry that is killed in the middle: no blob, no upload that goes on, and nothing after a collection", async () => {
    const { store, options, multiparts } = await opened();
    await using _ = store;
    const flags = ["--storage", `s3://${options.bucket}/p`, "--s3-endpoint", options.endpoint];
    const { accessKeyId, secretAccessKey } = s3Credentials;
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const served = await serveRegistry([...flags, "--listen", "127.0.0.1:0"], env);
    const bytes = content(20 * mib, 9);
    const digest = sha256(bytes);
    const gate = Promise.withResolvers<void>();
    const source = async function* () {
      yield* pieces(bytes.subarray(0, 19 * mib));
      await gate.promise;
    };
    const { body } = new Response(source());
    const url = `${served.url}v2/a/b/blobs/uploads/?digest=${digest}`;
    const answer = fetch(url, { method: "POST", body }).catch(() => undefined);
    for (let i = 0; (await multiparts()).length === 0; i++) {
      if (i > 1000) throw new Error("no part was sent");
      await Bun.sleep(10);
    }
    await served.kill();
    gate.resolve();
    expect(await answer).toBeUndefined();
    expect(await store.list("blobs/", { limit: 9 })).toEqual([]);
    await using other = await Registry.start({ storage: await S3Store.open(options) });
    expect((await fetch(`${other.url}v2/a/b/blobs/${digest}`)).status).toBe(404);
    expect((await push(other, bytes, digest)).status).toBe(201);
    for (const name of await store.staleUploads(Date.now() + 60_000)) await store.dropUpload(name);
    expect([await multiparts(), await store.list("_uploads/", { limit: 9 })]).toEqual([[], []]);
    expect((await fetch(`${other.url}v2/a/b/blobs/${digest}`)).status).toBe(200);
  }, 30_000);
});
