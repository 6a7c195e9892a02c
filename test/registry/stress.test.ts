import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  FileStore,
  MemoryStore,
  openAdministration,
  Registry,
  S3Store,
} from "../../src/registry/server/index.ts";
import { pushImage } from "../support/push-image.ts";
import { type StressReport, stress } from "../support/registry-stress.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";

/** Pushes, pulls, mounts, deletions, retention, restorations and collections at once, for as long as one likes. */
const given = Number(process.env.STRAKE_STRESS_SECONDS ?? 0);
const folder = mkdtempSync(join(tmpdir(), "strake-registry-stress-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000);

const counts = ["skipped", "mounted", "deletions", "restored", "retained", "collected", "reads"] as const;
const isEnough = (report: StressReport) => report.pushes > 30 && counts.every((count) => report[count] > 0);

/** A stress in which nothing happened shows nothing. */
function expectWork(report: StressReport): void {
  console.log(report);
  for (const count of counts) expect([count, report[count] > 0]).toEqual([count, true]);
  expect(report.pushes).toBeGreaterThan(30);
}

test.each([
  ["memory", async () => new MemoryStore(), 8],
  ["files", () => FileStore.open(join(folder, "files")), 10],
] as const)(
  "%s: every image that is there is there whole",
  async (_, open, standard) => {
    // Long against one manifest's push, short against the test: everything is collected many times over.
    const collection = { grace: 1000, undo: 1000 };
    await using registry = await Registry.start({ storage: await open(), collection });
    const { administration } = registry;
    const seconds = given || standard;
    expectWork(
      await stress({
        url: () => registry.url.href,
        administrations: [administration, administration],
        ...{ seconds, isEnough, reliable: collection.grace / 2 },
      }),
    );
  },
  (given * 3 + 120) * 1000,
);

const found = findS3Server();
if ("reason" in found) console.log(`skipped: stress of a bucket: ${found.reason}`);
test.skipIf("reason" in found)(
  "three replicas over one bucket, one after the other killed and started again: every image that is there is there whole",
  async () => {
    if ("reason" in found) return;
    await using server = await startS3Server(found.path);
    const options = { endpoint: server.endpoint, bucket: server.bucket(), credentials: s3Credentials };
    // S3 counts whole seconds.
    const collection = { grace: 4000, undo: 4000 };
    const face = resolve(import.meta.dir, "../../src/registry/server/index.ts");
    const program = `
      import { Registry, S3Store } from ${JSON.stringify(face)};
      const storage = await S3Store.open(${JSON.stringify(options)});
      const registry = await Registry.start({ storage, collection: ${JSON.stringify(collection)} });
      console.log(registry.url.href);`;
    const start = async () => {
      const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
      const { value } = await child.stdout.getReader().read();
      return { child, url: new TextDecoder().decode(value).trim() };
    };
    const replicas = await Promise.all([start(), start(), start()]);
    await using one = await openAdministration({ storage: await S3Store.open(options), collection });
    await using two = await openAdministration({ storage: await S3Store.open(options), collection });
    const seconds = given || 24;
    let turn = 0;
    let over = false;
    const killer = async () => {
      for (let victim = 0; ; victim = (victim + 1) % replicas.length) {
        for (let waited = 0; waited < Math.min(seconds / 3, 15) * 1000 && !over; waited += 100)
          await Bun.sleep(100);
        if (over) return;
        replicas[victim]!.child.kill("SIGKILL");
        await replicas[victim]!.child.exited;
        replicas[victim] = await start();
      }
    };
    const killing = killer();
    try {
      const url = () => replicas[turn++ % replicas.length]!.url;
      const administrations = [one.administration, two.administration];
      const reliable = collection.grace / 2 - 1000;
      const report = await stress({ url, administrations, seconds, isEnough, reliable, mayFail: true });
      expectWork(report);
    } finally {
      over = true;
      await killing;
      for (const { child } of replicas) child.kill();
      await Promise.all(replicas.map(({ child }) => child.exited));
    }
  },
  (given * 3 + 180) * 1000,
);

test("scrub finds one flipped bit, sets the blob aside, and the next push brings it again", async () => {
  const root = join(folder, "rot");
  const registry = await Registry.start({ storage: await FileStore.open(root) });
  try {
    const { config } = await pushImage(registry.url, "a:v1");
    for (let i = 0; i < 5; i++) await pushImage(registry.url, `a:other-${i}`);
    const blobs = join(root, "objects", "blobs", "sha256");
    const count = readdirSync(blobs).length;
    const path = join(blobs, config.slice("sha256:".length));
    const bytes = readFileSync(path);
    const original = Buffer.from(bytes);
    bytes[bytes.length >> 1]! ^= 0x10;
    writeFileSync(path, bytes);
    const report = await registry.scrub();
    expect(report).toMatchObject({
      blobs: count,
      damaged: [{ digest: config, size: bytes.length, quarantined: false }],
    });
    expect((await registry.scrub({ quarantine: true })).damaged).toMatchObject([
      { digest: config, quarantined: true },
    ]);
    // It is not served any more, and whoever asks before pushing is told that it is missing.
    const blob = `${registry.url}v2/a/blobs/${config}`;
    expect((await fetch(blob)).status).toBe(404);
    expect(readdirSync(join(root, "objects", "quarantine"))).toEqual([config.replace(":", "-")]);
    const upload = `${registry.url}v2/a/blobs/uploads/?digest=${config}`;
    expect((await fetch(upload, { method: "POST", body: original })).status).toBe(201);
    expect(await (await fetch(blob)).text()).toBe(original.toString());
    expect((await registry.scrub()).damaged).toEqual([]);
  } finally {
    await registry.stop({ grace: 100 });
  }
});
