import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findS3Server, s3Credentials, startS3Server } from "../../../../test/support/s3-server.ts";
import { openAccess } from "../access.ts";
import { FileStore, MemoryStore, type ObjectStore, Registry, S3Store } from "../index.ts";
import { digestOf } from "../proxy/upstream.test-support.ts";
import { encodeRecord, readRecord } from "../records.ts";
import type { Ledger } from "./ledger.ts";

const found = findS3Server();
if ("reason" in found) console.log(`unfinished uploads over S3 are not tested: ${found.reason}`);
const s3 = "path" in found ? await startS3Server(found.path) : undefined;
const folder = mkdtempSync(join(tmpdir(), "strake-quota-"));
afterAll(async () => {
  await s3?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Each makes a storage; what that gives opens it, again too where it outlives its process. */
const stores: [string, () => () => Promise<ObjectStore>][] = [
  [
    "memory",
    () => {
      const storage = new MemoryStore();
      return async () => storage;
    },
  ],
  [
    "files",
    () => {
      const root = mkdtempSync(join(folder, "root-"));
      return () => FileStore.open(root);
    },
  ],
];
if (s3)
  stores.push([
    "S3",
    () => {
      const options = { endpoint: s3.endpoint, bucket: s3.bucket(), credentials: s3Credentials };
      return () => S3Store.open(options);
    },
  ]);

const limit = 1_000_000;
const start = (storage: ObjectStore) =>
  Registry.start({
    access: openAccess,
    rules: { quotas: [{ namespaces: ["team"], maxBytes: limit }] },
    storage,
  });

async function begin(registry: Registry, repository = "team/app"): Promise<URL> {
  const answer = await fetch(`${registry.url}v2/${repository}/blobs/uploads/`, { method: "POST" });
  expect(answer.status).toBe(202);
  return new URL(answer.headers.get("location")!, registry.url);
}

/** Without a Content-Length, as docker and podman send. */
const chunked = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

/** Goes on until nobody takes any more. */
function endless(): { body: ReadableStream<Uint8Array>; sent: () => number } {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(new Uint8Array(50_000));
      sent += 50_000;
      await Bun.sleep(1);
    },
  });
  return { body, sent: () => sent };
}

const patch = (upload: URL, body: ReadableStream<Uint8Array> | Buffer<ArrayBuffer>) =>
  fetch(upload, { method: "PATCH", body });

function finish(upload: URL, blob: Uint8Array): Promise<Response> {
  const url = new URL(upload);
  url.searchParams.set("digest", digestOf(Buffer.from(blob)));
  return fetch(url, { method: "PUT" });
}

async function claims(storage: ObjectStore): Promise<number[]> {
  const { value } = (await readRecord<Ledger>(storage, "quotas/namespace/team"))!;
  return Object.values(value.uploads ?? {}).map(({ bytes }) => bytes);
}

/** As if nobody had worked on any upload for long. */
async function age(storage: ObjectStore): Promise<void> {
  const { value } = (await readRecord<Ledger>(storage, "quotas/namespace/team"))!;
  const uploads = Object.entries(value.uploads ?? {}).map(([id, claim]) => [id, { ...claim, at: 0 }]);
  await storage.put(
    "quotas/namespace/team",
    encodeRecord({ ...value, uploads: Object.fromEntries(uploads) }),
  );
}

describe.each(stores)("unfinished uploads over %s", (_, make) => {
  test("a body without an end is stopped where the quota is, with an answer, and nothing of it stays", async () => {
    const storage = await make()();
    await using registry = await start(storage);
    const upload = await begin(registry);
    const { body, sent } = endless();
    const refused = await patch(upload, body);
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      {
        errors: [
          { code: "DENIED", message: expect.stringContaining("quota of the namespace team is 1000000") },
        ],
      },
    ]);
    // What is on its way in the kernel and in Bun comes besides.
    expect(sent()).toBeLessThan(40_000_000);
    expect((await fetch(upload)).status).toBe(404);
    expect(await storage.staleUploads(Date.now() + 3600_000)).toEqual([]);
    expect(await claims(storage)).toEqual([]);
  }, 30_000);

  test("one that says it is a blob of the repository may be as long as that", async () => {
    const storage = await make()();
    await using registry = await start(storage);
    const blob = randomBytes(limit);
    const first = await begin(registry);
    expect((await patch(first, chunked(blob))).status).toBe(202);
    const [second, third] = [await begin(registry), await begin(registry)];
    expect((await finish(first, blob)).status).toBe(201);
    for (const upload of [second, third]) upload.searchParams.set("digest", digestOf(blob));
    expect((await fetch(second, { method: "PUT", body: chunked(blob) })).status).toBe(201);
    expect((await fetch(third, { method: "PUT", body: endless().body })).status).toBe(403);
    expect(await claims(storage)).toEqual([]);
  }, 30_000);

  test("all of an account together hold as much as the account may; who is finished, cancelled or refused gives back", async () => {
    const storage = await make()();
    await using registry = await start(storage);
    const blob = randomBytes(600_000);
    const uploads = [await begin(registry), await begin(registry, "team/b"), await begin(registry, "team/c")];
    expect((await patch(uploads[0]!, blob)).status).toBe(202);
    for (const body of [blob, chunked(blob)]) {
      const refused = await patch(await begin(registry), body);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "30"]);
      expect(await refused.json()).toMatchObject({
        errors: [{ code: "TOOMANYREQUESTS", detail: { limit, uploads: 1 } }],
      });
    }
    expect((await fetch(uploads[0]!, { method: "DELETE" })).status).toBe(204);
    expect((await patch(uploads[1]!, chunked(blob))).status).toBe(202);
    expect((await finish(uploads[1]!, blob)).status).toBe(201);
    expect((await patch(uploads[2]!, chunked(blob.subarray(0, 400_000)))).status).toBe(202);
    // Of another digest than it says.
    expect((await finish(uploads[2]!, blob)).status).toBe(400);
    expect(await claims(storage)).toEqual([]);
  });

  test("two who push the same last blob at once are both taken", async () => {
    const storage = await make()();
    await using registry = await start(storage);
    const full = await begin(registry);
    const first = randomBytes(700_000);
    expect((await patch(full, first)).status).toBe(202);
    expect((await finish(full, first)).status).toBe(201);
    const blob = randomBytes(300_000);
    const [one, other] = [await begin(registry), await begin(registry)];
    expect((await patch(other, chunked(blob.subarray(0, 100_000)))).status).toBe(202);
    expect((await patch(one, chunked(blob))).status).toBe(202);
    expect((await finish(one, blob)).status).toBe(201);
    // There is no room left, and this is nothing new.
    expect((await patch(other, chunked(blob.subarray(100_000)))).status).toBe(202);
    expect((await finish(other, blob)).status).toBe(201);
    expect(await claims(storage)).toEqual([]);
  });

  test("what has no room in the end is not stored", async () => {
    const storage = await make()();
    await using registry = await start(storage);
    const [late, soon, third] = [randomBytes(400_000), randomBytes(600_000), randomBytes(300_000)];
    const upload = await begin(registry);
    expect((await patch(upload, late)).status).toBe(202);
    for (const blob of [soon, third]) {
      const other = await begin(registry);
      expect((await patch(other, chunked(blob))).status).toBe(202);
      expect((await finish(other, blob)).status).toBe(201);
    }
    expect((await finish(upload, late)).status).toBe(403);
    expect((await fetch(upload)).status).toBe(404);
    expect((await storage.list("blobs/", { limit: 9 })).length).toBe(2);
    expect(await storage.staleUploads(Date.now() + 3600_000)).toEqual([]);
    expect(await claims(storage)).toEqual([]);
  });

  test("what others left counts, also after another start, and makes way when it is old", async () => {
    const open = make();
    const storage = await open();
    const blob = randomBytes(600_000);
    const left: URL[] = [];
    {
      // Memory ends with its process.
      const registry = await start(storage);
      left.push(await begin(registry));
      expect((await patch(left[0]!, chunked(blob))).status).toBe(202);
      if (storage.kind !== "memory") await registry.stop({ grace: 0 });
    }
    const again = storage.kind === "memory" ? storage : await open();
    await using registry = await start(again);
    expect((await patch(await begin(registry), chunked(blob))).status).toBe(429);
    await age(again);
    const upload = await begin(registry);
    expect((await patch(upload, chunked(blob))).status).toBe(202);
    expect((await fetch(new URL(left[0]!.pathname, registry.url))).status).toBe(404);
    expect((await finish(upload, blob)).status).toBe(201);
    expect(await claims(again)).toEqual([]);
  });
});

test.if(s3 !== undefined)(
  "replicas over one bucket share the room, and one continues what another began",
  async () => {
    const options = { endpoint: s3!.endpoint, bucket: s3!.bucket(), credentials: s3Credentials };
    const storage = await S3Store.open(options);
    await using one = await start(await S3Store.open(options));
    await using other = await start(await S3Store.open(options));
    const blob = randomBytes(600_000);
    const upload = await begin(one);
    expect((await patch(upload, chunked(blob.subarray(0, 500_000)))).status).toBe(202);
    expect((await patch(await begin(other), chunked(blob))).status).toBe(429);
    const there = new URL(upload.pathname, other.url);
    expect((await patch(there, chunked(blob.subarray(500_000)))).status).toBe(202);
    expect((await finish(there, blob)).status).toBe(201);
    expect(await claims(storage)).toEqual([]);
    expect((await patch(await begin(one), chunked(blob.subarray(0, 400_000)))).status).toBe(202);
  },
);
