import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { findS3Server, s3Credentials, startS3Server } from "../../../../test/support/s3-server.ts";
import { decodeAccessConfig } from "../access/decode-config.ts";
import { openAccess } from "../access.ts";
import { MemoryStore, type ObjectStore, Refusal, Registry, type RegistryOptions, S3Store } from "../index.ts";
import { digestOf, pushImage } from "../proxy/upstream.test-support.ts";
import { count } from "./count.ts";
import { Quotas } from "./quotas.ts";
import { compileQuotas, type QuotaRule } from "./rules.ts";

const found = findS3Server();
if ("reason" in found) console.log(`quotas over S3 are not tested: ${found.reason}`);
const s3 = "path" in found ? await startS3Server(found.path) : undefined;
afterAll(() => s3?.[Symbol.asyncDispose]());

const start = (quotas: readonly QuotaRule[], options: RegistryOptions = {}) =>
  Registry.start({ access: openAccess, rules: { quotas }, ...options });

const send = (registry: Registry, path: string, init?: RequestInit) =>
  fetch(new URL(`/v2/${path}`, registry.url), init);

async function pushBlob(registry: Registry, repository: string, blob: Buffer<ArrayBuffer>): Promise<number> {
  const path = `${repository}/blobs/uploads/?digest=${digestOf(blob)}`;
  return (await send(registry, path, { method: "POST", body: blob })).status;
}

const usage = (objects: ObjectStore, kind: "repository" | "namespace", name: string) =>
  count(objects, { kind, name, limits: { bytes: 0, tags: 0, repositories: 0 } }, () => true);

test("bytes: refused when the upload begins, before its body, or while it comes; deleted and collected there is room again", async () => {
  const storage = new MemoryStore();
  const collection = { grace: 0, undo: 0 };
  await using registry = await start([{ repositories: ["team/*"], maxBytes: 1000 }], { storage, collection });
  const [first, second, third] = [randomBytes(600), randomBytes(300), randomBytes(600)];
  expect(await pushBlob(registry, "team/app", first)).toBe(201);
  // The same again is nothing new, also where its length alone would be too much.
  expect(await pushBlob(registry, "team/app", first)).toBe(201);
  const refused = await send(registry, `team/app/blobs/uploads/?digest=${digestOf(third)}`, {
    method: "POST",
    body: third,
  });
  expect([refused.status, await refused.json()]).toMatchObject([
    403,
    { errors: [{ code: "DENIED", detail: { limit: 1000, used: 600, wanted: 600, unit: "bytes" } }] },
  ]);
  // Without a length it is known as it comes.
  const begun = await send(registry, "team/app/blobs/uploads/", { method: "POST" });
  const location = new URL(begun.headers.get("location")!, registry.url);
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(third);
      controller.close();
    },
  });
  expect((await fetch(location, { method: "PATCH", body: chunked })).status).toBe(403);
  expect((await fetch(location)).status).toBe(404);
  expect((await send(registry, `team/app/blobs/${digestOf(third)}`)).status).toBe(404);
  // With one it is known before.
  const again = await send(registry, "team/app/blobs/uploads/", { method: "POST" });
  const next = new URL(again.headers.get("location")!, registry.url);
  expect((await fetch(next, { method: "PATCH", body: third })).status).toBe(403);
  // Each repository has its own; what no rule is about has none.
  expect(await pushBlob(registry, "team/other", third)).toBe(201);
  expect(await pushBlob(registry, "free", randomBytes(5000))).toBe(201);
  // A mount counts as well.
  const mount = `team/app/blobs/uploads/?mount=${digestOf(third)}&from=team/other`;
  expect((await send(registry, mount, { method: "POST" })).status).toBe(403);
  expect(await pushBlob(registry, "team/app", second)).toBe(201);
  expect((await usage(storage, "repository", "team/app")).bytes).toBe(900);
  expect(
    (await send(registry, "team/app/blobs/uploads/", { method: "POST", body: randomBytes(200) })).status,
  ).toBe(403);

  expect((await send(registry, `team/app/blobs/${digestOf(second)}`, { method: "DELETE" })).status).toBe(202);
  // It is still there.
  expect(await pushBlob(registry, "team/app", second)).toBe(403);
  // Nothing needs them: the collection takes the names, and with them what counts.
  await Bun.sleep(5);
  await registry.collect();
  expect(await pushBlob(registry, "team/app", third)).toBe(201);
  expect((await usage(storage, "repository", "team/app")).bytes).toBe(600);
});

test("who pushes and deletes in turn is stopped until what is deleted is collected", async () => {
  const storage = new MemoryStore();
  const collection = { grace: 0, undo: 0 };
  await using registry = await start([{ namespaces: ["team"], maxBytes: 10_000 }], { storage, collection });
  const stored = async () => {
    const keys = await storage.list("blobs/", { limit: 99 });
    const sizes = await Promise.all(keys.map(async (key) => (await storage.head(key))!.size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  const blobInTurn = async () => {
    const blob = randomBytes(1000);
    const status = await pushBlob(registry, "team/app", blob);
    await send(registry, `team/app/blobs/${digestOf(blob)}`, { method: "DELETE" });
    return status;
  };
  const manifestInTurn = async (i: number) => {
    const annotations = { a: `${i}`.padEnd(900, "x") };
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const body = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [], annotations });
    const path = `team/app/manifests/${digestOf(Buffer.from(body))}`;
    const { status } = await send(registry, path, {
      method: "PUT",
      body,
      headers: { "content-type": mediaType },
    });
    await send(registry, path, { method: "DELETE" });
    return status;
  };
  for (const inTurn of [blobInTurn, manifestInTurn]) {
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push(await inTurn(i));
    expect(statuses.slice(0, 9)).toEqual(Array(9).fill(201));
    expect(statuses.slice(10)).toEqual(Array(10).fill(403));
    expect(await stored()).toBeLessThanOrEqual(10_000);
    for (let i = 0; i < 3; i++) {
      await Bun.sleep(5);
      await registry.collect();
    }
    expect(await stored()).toBe(0);
  }
});

test("what is full says so when an upload begins", async () => {
  await using registry = await start([{ repositories: ["**"], maxBytes: 600 }]);
  expect(await pushBlob(registry, "app", randomBytes(600))).toBe(201);
  const begun = await send(registry, "app/blobs/uploads/", { method: "POST" });
  expect([begun.status, await begun.text()]).toEqual([403, expect.stringContaining("600 are used")]);
});

test("an image counts with its manifest, and gives it all back", async () => {
  const storage = new MemoryStore();
  const collection = { grace: 0, undo: 0 };
  const ledger = async () => {
    const { ledger } = JSON.parse(
      `{"ledger":${new TextDecoder().decode((await storage.read("quotas/namespace/team", 9999))!.bytes)}}`,
    ) as { ledger: { bytes: number; tags: number; repositories: number } };
    const { bytes, tags, repositories } = ledger;
    return { bytes, tags, repositories };
  };
  await using registry = await start([{ namespaces: ["*"], maxBytes: 1e6 }], { storage, collection });
  const image = await pushImage(registry.url, "team/a/b", "v1");
  await pushImage(registry.url, "team/c", "v1", { layer: image.layer });
  await pushImage(registry.url, "other/c", "v1");
  expect(await ledger()).toEqual(await usage(storage, "namespace", "team"));
  expect(await ledger()).toMatchObject({ tags: 2, repositories: 2 });
  await send(registry, "team/c/manifests/v1", { method: "DELETE" });
  await send(registry, `team/a/b/manifests/${image.digest}`, { method: "DELETE" });
  await Bun.sleep(5);
  await registry.collect({ untagged: "collect" });
  await registry.collect();
  expect(await usage(storage, "namespace", "team")).toEqual({ bytes: 0, tags: 0, repositories: 0 });
  expect(await ledger()).toEqual({ bytes: 0, tags: 0, repositories: 0 });
});

test("tags: a new one is refused, one that is there moves; repositories: the same", async () => {
  await using registry = await start([
    { repositories: ["**"], maxTags: 2 },
    { namespaces: ["team"], maxRepositories: 2 },
  ]);
  const push = async (repository: string, tag: string) =>
    pushImage(registry.url, repository, tag).then(
      () => "pushed",
      (error: Error) => error.message,
    );
  expect(await push("team/a", "v1")).toBe("pushed");
  expect(await push("team/a", "v2")).toBe("pushed");
  expect(await push("team/a", "v3")).toContain("DENIED");
  expect(await push("team/a", "v2")).toBe("pushed");
  expect(await push("team/b", "v1")).toBe("pushed");
  expect(await push("team/c", "v1")).toContain("is 2 repositories");
  expect(await push("else", "v1")).toBe("pushed");
  await send(registry, "team/a/manifests/v1", { method: "DELETE" });
  expect(await push("team/a", "v3")).toBe("pushed");
  const list = (await (await send(registry, "team/a/tags/list")).json()) as { tags: string[] };
  expect(list.tags).toEqual(["v2", "v3"]);
});

const stores: [string, () => Promise<{ open: () => Promise<ObjectStore>; replicas: number }>][] = [
  [
    "one process",
    async () => {
      const storage = new MemoryStore();
      return { open: async () => storage, replicas: 1 };
    },
  ],
];
if (s3)
  stores.push([
    "three replicas over one bucket",
    async () => {
      const options = { endpoint: s3.endpoint, bucket: s3.bucket(), credentials: s3Credentials };
      return { open: () => S3Store.open(options), replicas: 3 };
    },
  ]);

test.each(stores)(
  "%s: of pushes at once exactly as many are taken as have room, and one blob counts once",
  async (_, make) => {
    const { open, replicas } = await make();
    const rules = [{ namespaces: ["team"], maxBytes: 5500 }];
    const registries = await Promise.all(
      Array.from({ length: replicas }, async () => start(rules, { storage: await open() })),
    );
    try {
      const pick = (i: number) => registries[i % registries.length]!;
      const same = randomBytes(500);
      const once = Array.from({ length: 6 }, (_, i) => pushBlob(pick(i), "team/app", same));
      expect(await Promise.all(once)).toEqual(once.map(() => 201));
      const many = Array.from({ length: 16 }, (_, i) =>
        pushBlob(pick(i), `team/app${i % 4}`, randomBytes(1000)),
      );
      const statuses = await Promise.all(many);
      expect(statuses.filter((status) => status === 201)).toHaveLength(5);
      // Too much for the quota, or for now.
      expect(statuses.filter((status) => status === 403 || status === 429)).toHaveLength(11);
      const objects = await open();
      expect((await usage(objects, "namespace", "team")).bytes).toBe(5500);
    } finally {
      await Promise.all(registries.map((registry) => registry.stop({ grace: 100 })));
    }
  },
  120_000,
);

test("what was stored before there was a quota counts; a ledger that says too much is put right when all is quiet", async () => {
  const storage = new MemoryStore();
  const rules = [{ repositories: ["app"], maxBytes: 2000, maxTags: 5 }];
  await using free = await Registry.start({ storage });
  const image = await pushImage(free.url, "app", "v1", { size: 500 });
  await using registry = await start(rules, { storage });
  expect(await pushBlob(registry, "app", randomBytes(1900))).toBe(403);
  // A process that died between counting and storing.
  const quotas = new Quotas(storage, rules);
  await quotas.charge("app", { bytes: 700 });
  expect(await pushBlob(registry, "app", randomBytes(500))).toBe(403);
  const day = 24 * 3600_000;
  await quotas.recount(Date.now() + day / 2, 0);
  expect(await pushBlob(registry, "app", randomBytes(500))).toBe(403);
  await quotas.recount(Date.now() + 2 * day, 0);
  expect(await pushBlob(registry, "app", randomBytes(500))).toBe(201);
  expect((await usage(storage, "repository", "app")).bytes).toBe(
    1000 + image.config.length + image.body.length,
  );
  await expect(quotas.charge("app", { tags: 5 })).rejects.toBeInstanceOf(Refusal);
  await quotas.charge("app", { tags: 4 });
});

test("what is cached of other registries does not count", async () => {
  await using upstream = await Registry.start();
  const image = await pushImage(upstream.url, "app", "v1");
  const proxy = [{ prefix: "hub", upstream: upstream.url.origin }];
  await using registry = await start([{ namespaces: ["*"], maxBytes: 10 }], { proxy });
  const got = await send(registry, `hub/app/blobs/${digestOf(image.layer)}`);
  expect(Buffer.from(await got.arrayBuffer())).toEqual(image.layer);
  expect((await send(registry, "hub/app/manifests/v1")).status).toBe(200);
});

test("which accounts a repository counts for", () => {
  const accounts = compileQuotas([
    { namespaces: ["*"], maxBytes: 100 },
    { namespaces: ["a"], maxBytes: 50, maxRepositories: 3 },
    { namespaces: ["a/*"], maxTags: 7 },
    { repositories: ["a/**"], maxTags: 9 },
  ]);
  const names = accounts("a/b/c").map(({ kind, name, limits }) => [kind, name, limits.bytes, limits.tags]);
  const all = Number.POSITIVE_INFINITY;
  expect(names).toEqual([
    ["namespace", "a", 50, all],
    ["namespace", "a/b", all, 7],
    ["repository", "a/b/c", all, 9],
  ]);
  expect(accounts("x")).toEqual([]);
});

test.each([
  [[{ maxBytes: 1 }], "repositories or about namespaces"],
  [[{ repositories: ["a"], namespaces: ["b"], maxBytes: 1 }], "repositories or about namespaces"],
  [[{ repositories: ["a"] }], "limits nothing"],
  [[{ repositories: ["a"], maxRepositories: 1 }], "quotas[0].maxRepositories"],
  [[{ repositories: ["a"], maxBytes: "lots" }], "is not a size"],
  [[{ repositories: ["../a b"], maxBytes: 1 }], "quotas[0].repositories[0]"],
  [[{ repository: ["a"], maxBytes: 1 }], "did you mean repositories"],
])("a quota that cannot be meant: %j", (quotas, message) => {
  let text = "";
  try {
    decodeAccessConfig({ quotas });
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    text = `${message} ${hint}`;
  }
  expect(text).toContain(message);
  expect(decodeAccessConfig({ quotas: [{ namespaces: ["*"], maxBytes: "20GiB" }] }).quotas).toEqual([
    expect.objectContaining({ maxBytes: 20 * 2 ** 30 }),
  ]);
});

test("a write whose answer is lost counts when it is there, and counts nothing when it is not", async () => {
  const storage = new MemoryStore();
  const rules = [{ repositories: ["a"], maxBytes: 10_000 }];
  const blob = randomBytes(1000);
  await using registry = await start(rules, { storage });
  const ledger = async () => {
    const found = await storage.read("quotas/repository/a", 1000);
    return (JSON.parse(new TextDecoder().decode(found!.bytes)) as { bytes: number }).bytes;
  };
  const put = storage.put.bind(storage);
  const breaking = (isWritten: boolean) => {
    storage.put = async (key, ...rest) => {
      if (!key.startsWith("repos/a/_blobs/")) return put(key, ...rest);
      if (isWritten) await put(key, ...rest);
      throw new Error("the line was cut");
    };
  };
  breaking(false);
  expect(await pushBlob(registry, "a", blob)).toBe(500);
  expect(await ledger()).toBe(0);
  breaking(true);
  expect(await pushBlob(registry, "a", blob)).toBe(500);
  storage.put = put;
  expect((await send(registry, `a/blobs/${digestOf(blob)}`)).status).toBe(200);
  expect(await ledger()).toBe(1000);
});
