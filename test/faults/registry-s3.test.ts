import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { StrakeError } from "../../src/errors/index.ts";
import { Registry as Client } from "../../src/registry/client/index.ts";
import { Registry, S3Store } from "../../src/registry/server/index.ts";
import { type Exchange, type Fault, type Plan, startFaultProxy } from "../support/fault-proxy.ts";
import { examine, makeLayeredImage } from "../support/layered-image.ts";
import { findS3Server, type S3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";

/** Between a registry and its bucket stands a proxy that harms what passes. */
const found = findS3Server();
if ("reason" in found) console.log(`skipped: faults between our registry and S3: ${found.reason}`);

const first =
  (times: number, fits: (exchange: Exchange) => boolean, ...faults: Fault[]): Plan =>
  (exchange, count) =>
    count < times && fits(exchange) ? faults[count % faults.length] : undefined;
const isAny = () => true;
const writes = ({ method }: Exchange) => method === "PUT" || method === "POST";
const isUpload = ({ path }: Exchange) => path.includes("/_uploads/");
const reads = ({ method }: Exchange) => method === "GET";

const survived: readonly (readonly [string, Plan])[] = [
  ["every answer is lost once", first(1, isAny, { cut: "request", at: 1e9 })],
  ["nothing arrives the first time", first(1, isAny, { cut: "request", at: 0 })],
  ["writes are cut in their middle", first(2, writes, { cut: "request", at: 100 })],
  ["answers to reads are cut in their middle", first(2, reads, { cut: "answer", at: 10 })],
  ["503 comes first", first(1, isAny, { answer: 503 })],
  [
    "writes get no answer",
    first(1, (exchange) => exchange.method === "PUT" && isUpload(exchange), { stall: "request", at: 1e9 }),
  ],
  [
    "reads get no answer",
    first(1, (exchange) => reads(exchange) && isUpload(exchange), { stall: "request", at: 1e9 }),
  ],
  ["one byte of each write is another, once", first(1, writes, { damage: "request", at: 20 })],
];

describe.skipIf("reason" in found)("a registry whose S3 server is far away", () => {
  let s3: S3Server;
  let count = 0;
  beforeAll(async () => {
    if ("path" in found) s3 = await startS3Server(found.path);
  });
  afterAll(async () => await s3?.[Symbol.asyncDispose]());

  /** Pushes through a registry behind the proxy; what came of it, and what a registry without the proxy then serves. */
  async function push(plan: Plan) {
    const bucket = s3.bucket();
    const options = { bucket, credentials: s3Credentials };
    await using proxy = await startFaultProxy(new URL(s3.endpoint).host);
    const storage = await S3Store.open({ ...options, endpoint: `http://${proxy.host}`, answerMs: 1500 });
    await using registry = await Registry.start({ storage });
    await using direct = await Registry.start({
      storage: await S3Store.open({ ...options, endpoint: s3.endpoint }),
    });
    const image = await makeLayeredImage([10_000, 9_000_000]);
    const path = `far/app-${count++}`;
    using client = await Client.connect(registry.host, {
      settings: { url: new URL(registry.url) },
      retry: { attempts: 4, baseMs: 1, patienceMs: 100 },
    });
    const send = async () => {
      const repository = client.repository(path);
      for (const [digest, bytes] of image.blobs)
        await repository.uploadBlob(
          { digest, size: bytes.length },
          { open: (start, end) => [bytes.subarray(start, end)] },
        );
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      await repository.putManifest("1", { raw: image.manifest, mediaType });
    };
    proxy.plan = plan;
    const code = await send().then(
      () => undefined,
      (error: StrakeError) => error.code,
    );
    expect(proxy.faults).toBeGreaterThan(0);
    const served = await examine(image, direct.host, path);
    // Through the harmed line too: what it reads is what it serves.
    if (code === undefined)
      for (const [digest, bytes] of image.blobs) {
        let size = 0;
        // A download that breaks goes on; it is compared with its digest at the end.
        for await (const chunk of client.repository(path).getBlob({ digest, size: bytes.length }))
          size += chunk.length;
        expect(size).toBe(bytes.length);
      }
    proxy.plan = () => undefined;
    await send();
    expect(await examine(image, direct.host, path)).toBe(image.blobs.size + 1);
    expect((await direct.scrub()).damaged).toEqual([]);
    return { code, complete: served === image.blobs.size + 1 };
  }

  test.each([...survived])("%s: nobody notices", async (_, plan) => {
    expect(await push(plan)).toEqual({ code: undefined, complete: true });
  });

  test.each([
    ["it fails for good", first(1e9, isAny, { answer: 500 })],
    ["it is not to be reached", first(1e9, isAny, { cut: "request", at: 0 })],
  ] as const)("%s: the push is told so, and works again when it is back", async (_, plan) => {
    expect(await push(plan)).toEqual({ code: "REGISTRY_FAILED", complete: false });
  });
});
