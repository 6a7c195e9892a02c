import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "../../../oci/index.ts";
import { Registry } from "../server.ts";
import { FileStore } from "../storage/files.ts";
import { MemoryStore } from "../storage/memory.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-registry-stress-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** Long against one manifest's push, short against the test: everything is collected many times over. */
const grace = 1000;
const duration = 8000;

const stores: [string, () => Promise<ObjectStore>][] = [
  ["memory", async () => new MemoryStore()],
  ["files", () => FileStore.open(folder)],
];

test.each(stores)(
  "%s: pushes, mounts, deletions and collections at once; every referenced blob is alive",
  async (_, open) => {
    await using registry = await Registry.start({ storage: await open(), collection: { grace, undo: 0 } });
    const call = (path: string, init: RequestInit = {}) => fetch(`${registry.url}v2/${path}`, init);
    const end = Date.now() + duration;
    const names = ["a", "a/b", "c"];
    /** Few contents for many images, so that blobs are dropped and needed again all the time. */
    const content = () => `layer ${Math.floor(Math.random() * 60)}`;
    const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!;
    let pushes = 0;
    let skipped = 0;

    /** As clients do: ask, mount, or push. */
    const needBlob = async (repository: string, text: string) => {
      const digest = digestOf(text);
      if ((await call(`${repository}/blobs/${digest}`, { method: "HEAD" })).status === 200) skipped++;
      else {
        const query = `digest=${digest}&mount=${digest}&from=${pick(names)}`;
        const response = await call(`${repository}/blobs/uploads/?${query}`, { method: "POST", body: text });
        expect(response.status).toBe(201);
      }
      return { mediaType: mediaTypes.ociLayer, digest, size: text.length };
    };
    const pusher = async (worker: number) => {
      while (Date.now() < end) {
        const repository = pick(names);
        const layers = [await needBlob(repository, content()), await needBlob(repository, content())];
        const config = { ...(await needBlob(repository, content())), mediaType: mediaTypes.ociConfig };
        const body = JSON.stringify({
          ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers },
          annotations: { worker: String(worker), image: String(Math.floor(Math.random() * 4)) },
        });
        const response = await call(`${repository}/manifests/${pick(["x", "y", "z"])}`, {
          ...{ method: "PUT", body, headers: { "Content-Type": mediaTypes.ociManifest } },
        });
        // Whoever was told a moment ago that the blobs are there is not refused now.
        expect([response.status, await response.text()]).toEqual([201, ""]);
        pushes++;
        await Bun.sleep(Math.random() * 20);
      }
    };
    const deleter = async () => {
      while (Date.now() < end) {
        const repository = pick(names);
        const tag = pick(["x", "y", "z"]);
        const head = await call(`${repository}/manifests/${tag}`, { method: "HEAD" });
        const digest = head.headers.get("docker-content-digest");
        const what = Math.random() < 0.5 || !digest ? tag : digest;
        expect([202, 404]).toContain(
          (await call(`${repository}/manifests/${what}`, { method: "DELETE" })).status,
        );
        await Bun.sleep(Math.random() * 60);
      }
    };
    const totals = { deleted: 0, unlinked: 0, manifests: 0 };
    const collector = async () => {
      while (Date.now() < end) {
        const report = await registry.collect({ untagged: "collect" });
        totals.deleted += report?.deleted.length ?? 0;
        totals.unlinked += report?.unlinked.length ?? 0;
        totals.manifests += report?.manifests.length ?? 0;
        await Bun.sleep(30);
      }
    };
    /** Blobs that come, are dropped at once and come again much later: they die and rise all the time. */
    const phoenix = async () => {
      while (Date.now() < end) {
        const text = "phoenix";
        const blob = await needBlob("phoenix", text);
        expect(await (await call(`phoenix/blobs/${blob.digest}`)).text()).toBe(text);
        await call(`phoenix/blobs/${blob.digest}`, { method: "DELETE" });
        await Bun.sleep(1000 + Math.random() * 1500);
      }
    };
    await Promise.all([pusher(1), pusher(2), pusher(3), deleter(), collector(), collector(), phoenix()]);

    expect(pushes).toBeGreaterThan(20);
    expect(skipped).toBeGreaterThan(0);
    expect(totals.manifests).toBeGreaterThan(0);
    expect(totals.unlinked).toBeGreaterThan(0);
    expect(totals.deleted).toBeGreaterThan(0);
    for (const repository of names) {
      const list = (await (await call(`${repository}/tags/list`)).json()) as { tags?: string[] };
      for (const tag of list.tags ?? []) {
        const manifest = await (await call(`${repository}/manifests/${tag}`)).json();
        const { config, layers } = manifest as { config: { digest: string }; layers: { digest: string }[] };
        for (const { digest } of [config, ...layers]) {
          const blob = await call(`${repository}/blobs/${digest}`);
          expect([blob.status, digestOf(await blob.text())]).toEqual([200, digest]);
        }
      }
    }
    console.log(`${pushes} pushes, ${skipped} blobs there already, collected:`, totals);
  },
  60_000,
);
