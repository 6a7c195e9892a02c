import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, sha256 } from "../../src/oci/index.ts";
import { Registry as Client, type Repository } from "../../src/registry/client/index.ts";
import { FileStore, type ObjectStore, Registry, S3Store } from "../../src/registry/server/index.ts";
import { freePort } from "../support/free-port.ts";
import { type LayeredImage, makeLayeredImage } from "../support/layered-image.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";

/** So often at least; and on a busy machine, where few uploads are under way when it comes, until enough was interrupted. */
const rounds = 20;
const mostRounds = 150;
/** Milliseconds that a server lives at most; more where it takes long to start, so that a busy machine gets something done between two kills. */
const usualLife = 350;
const enough = { tags: 6, resumed: 6, read: 21 };
const home = mkdtempSync(join(tmpdir(), "strake-server-killed-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** What the servers answered with success, and what was sent at all. */
class Ledger {
  readonly blobs = new Set<Digest>();
  readonly tags = new Map<string, LayeredImage>();
  readonly sent: Digest[] = [];
  /** Uploads that went on in their middle. */
  resumed = 0;
  /** Blobs that were read whole from the server that is killed. */
  read = 0;

  get isEnough(): boolean {
    return this.tags.size >= enough.tags && this.resumed >= enough.resumed && this.read >= enough.read;
  }
}

/** A client with the patience to live through a restart. */
async function connect(host: string): Promise<Client> {
  return await Client.connect(host, {
    settings: { url: new URL(`http://${host}`) },
    retry: { attempts: 60, baseMs: 20, capMs: 120 },
  });
}

async function pushAll(host: string, name: string, { ledger, stop }: { ledger: Ledger; stop: AbortSignal }) {
  using client = await connect(host);
  const repository = client.repository("team/app");
  for (let i = 0; !stop.aborted; i++) {
    const image = await makeLayeredImage([60_000, 2_500_000]);
    for (const [digest, bytes] of image.blobs) await pushBlob(repository, { digest, bytes, ledger });
    const tag = `${name}-${i}`;
    await repository.putManifest(tag, { raw: image.manifest, mediaType: manifestType });
    ledger.tags.set(tag, image);
  }
}

async function pushBlob(
  repository: Repository,
  { digest, bytes, ledger }: { digest: Digest; bytes: Uint8Array; ledger: Ledger },
) {
  ledger.sent.push(digest);
  // In pieces with a rest between them: a kill shall find uploads in their middle.
  async function* open(start: number, end: number) {
    for (let at = start; at < end; at += 64 << 10) {
      yield bytes.subarray(at, Math.min(end, at + (64 << 10)));
      await Bun.sleep(1);
    }
  }
  const onResume = (offset: number) => void (offset > 0 && ledger.resumed++);
  await repository.uploadBlob({ digest, size: bytes.length }, { open }, { chunk: 512 << 10, onResume });
  ledger.blobs.add(digest);
}

/** Reads what is being pushed, all the time: whole or not there, and there when that was answered. */
async function readAll(
  host: string,
  { ledger, stop, onWhole = () => {} }: { ledger: Ledger; stop: AbortSignal; onWhole?: () => void },
): Promise<void> {
  while (!stop.aborted) {
    const { length } = ledger.sent;
    const digest = ledger.sent[length - 1 - Math.floor(Math.random() * Math.min(length, 6))];
    if (digest === undefined) {
      await Bun.sleep(5);
      continue;
    }
    const wasThere = ledger.blobs.has(digest);
    try {
      const answer = await fetch(`http://${host}/v2/team/app/blobs/${digest}`);
      if (answer.status === 404 && wasThere) throw new Lost(digest);
      if (answer.status !== 200) continue;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (bytes.length === Number(answer.headers.get("content-length")) && sha256(bytes) !== digest)
        throw new Error(`${bytes.length} bytes that are not ${digest} were served`);
      onWhole();
    } catch (error) {
      // The server is just not there.
      if (error instanceof Lost || /were served/.test(String(error))) throw error;
      await Bun.sleep(10);
    }
  }
}

class Lost extends Error {
  constructor(what: string) {
    super(`${what} was acknowledged and is gone`);
  }
}

/** Everything that was acknowledged is there, and every tag leads to an image that is whole. */
async function examine(host: string, ledger: Ledger): Promise<void> {
  const at = `http://${host}/v2/team/app`;
  const fetched = async (path: string) => {
    const answer = await fetch(`${at}/${path}`);
    if (answer.status !== 200) throw new Lost(`${path} (${answer.status})`);
    return sha256(new Uint8Array(await answer.arrayBuffer()));
  };
  const seen = new Set<Digest>();
  for (const digest of ledger.blobs) {
    expect(await fetched(`blobs/${digest}`)).toBe(digest);
    seen.add(digest);
  }
  for (const [tag, image] of ledger.tags) expect(await fetched(`manifests/${tag}`)).toBe(image.digest);
  const { tags = [] } = (await (await fetch(`${at}/tags/list`)).json()) as { tags?: string[] };
  for (const tag of tags) {
    const manifest = (await (await fetch(`${at}/manifests/${tag}`)).json()) as {
      config: { digest: Digest };
      layers: { digest: Digest }[];
    };
    for (const { digest } of [manifest.config, ...manifest.layers])
      if (!seen.has(digest)) expect(await fetched(`blobs/${digest}`)).toBe(digest);
  }
}

interface Shop {
  /** Starts the server that is killed, at the same address each time. */
  start(): Promise<ServedRegistry>;
  /** Another replica, which lives on. */
  readonly other?: ServedRegistry;
  open(): Promise<ObjectStore>;
}

async function killAgainAndAgain({ start, other, open }: Shop): Promise<void> {
  const ledger = new Ledger();
  const stop = new AbortController();
  const both = { ledger, stop: stop.signal };
  let server = await start();
  const { host } = server;
  const steady = other?.host ?? host;
  const work = [
    ...[0, 1].map((each) => pushAll(host, `a${each}`, both)),
    pushAll(steady, "b", both),
    readAll(host, { ...both, onWhole: () => ledger.read++ }),
    readAll(steady, both),
  ];
  const failed = Promise.all(work);
  failed.catch(() => {});
  try {
    let life = usualLife;
    for (let round = 0; round < rounds || (round < mostRounds && !ledger.isEnough); round++) {
      await Promise.race([Bun.sleep(Math.random() * life), failed]);
      await server.kill();
      const killed = performance.now();
      server = await start();
      life = Math.max(usualLife, 2 * (performance.now() - killed));
    }
    // So that what the last kill interrupted has come to its end.
    await Promise.race([Bun.sleep(300), failed]);
    stop.abort();
    await failed;
    await examine(host, ledger);
    if (other) await examine(other.host, ledger);
  } finally {
    stop.abort();
    await server.kill("SIGTERM");
    await other?.kill("SIGTERM");
  }
  expect(ledger.read).toBeGreaterThanOrEqual(enough.read);
  expect(ledger.tags.size).toBeGreaterThanOrEqual(enough.tags);
  expect(ledger.resumed).toBeGreaterThanOrEqual(enough.resumed);
  await using registry = await Registry.start({ storage: await open() });
  const report = await registry.scrub();
  expect(report.damaged).toEqual([]);
  expect(report.blobs).toBeGreaterThanOrEqual(ledger.blobs.size + ledger.tags.size);
}

describe("kill -9 of a registry at random moments, again and again", () => {
  test("over files: nothing acknowledged is lost, nothing half is served, uploads go on", async () => {
    const folder = join(home, "files");
    const listen = `127.0.0.1:${freePort()}`;
    await killAgainAndAgain({
      start: () => serveRegistry(["--storage", folder, "--listen", listen]),
      open: () => FileStore.open(folder),
    });
    // All pushes have come to their end: none left an upload behind, nor a temporary file.
    expect(readdirSync(join(folder, "temporary"))).toEqual([]);
  }, 240_000);

  const found = findS3Server();
  if ("reason" in found) console.log(`skipped: kill -9 of a replica over S3: ${found.reason}`);
  test.skipIf("reason" in found)(
    "one of two replicas over S3: the same",
    async () => {
      if ("reason" in found) return;
      await using s3 = await startS3Server(found.path);
      const bucket = s3.bucket();
      const env = {
        AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
        AWS_ENDPOINT_URL: s3.endpoint,
      };
      const listen = `127.0.0.1:${freePort()}`;
      const start = (at: string) => serveRegistry(["--storage", `s3://${bucket}`, "--listen", at], env);
      await killAgainAndAgain({
        start: () => start(listen),
        other: await start("127.0.0.1:0"),
        open: () => S3Store.open({ endpoint: s3.endpoint, bucket, credentials: s3Credentials }),
      });
    },
    240_000,
  );
});
