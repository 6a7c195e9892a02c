import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, mediaTypes } from "../../../oci/index.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Registry } from "../server.ts";
import { FileStore } from "../storage/files.ts";

const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

async function pushImage(registry: Registry, repository: string, tag: string) {
  const content = `${repository}:${tag}`;
  const digest = digestOf(content);
  const uploads = `${registry.url}v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await fetch(uploads, { method: "POST", body: content })).status).toBe(201);
  const config = { mediaType: mediaTypes.ociConfig, digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
  const headers = { "Content-Type": mediaTypes.ociManifest };
  const target = `${registry.url}v2/${repository}/manifests/${tag}`;
  expect((await fetch(target, { method: "PUT", body, headers })).status).toBe(201);
  return { digest: digestOf(body), blob: digest };
}

test("tags beyond the rule go and can be had back; a dry run only says so", async () => {
  await using registry = await Registry.start({
    admit: (change) => {
      if (change.kind === "tag" && change.to === undefined && change.tag === "fixed")
        throw new Refusal("DENIED", "the tag is immutable");
    },
  });
  const tags = ["fixed", "v1", "v2", "v3"];
  const images: Awaited<ReturnType<typeof pushImage>>[] = [];
  for (const tag of tags) {
    images.push(await pushImage(registry, "a", tag));
    // Tags are told apart by milliseconds.
    await Bun.sleep(3);
  }
  await pushImage(registry, "b", "v1");
  const rules = [{ repositories: "a", keepLast: 1 }];
  const list = async () =>
    ((await (await fetch(`${registry.url}v2/a/tags/list`)).json()) as { tags: string[] }).tags;

  const dry = await registry.retain(rules, { dryRun: true });
  expect(dry.removed.map(({ tag }) => tag)).toEqual(["fixed", "v1", "v2"]);
  expect(await list()).toEqual(tags);
  const report = await registry.retain(rules);
  expect(report.removed.map(({ tag }) => tag)).toEqual(["v1", "v2"]);
  expect(report.refused.map(({ tag }) => tag)).toEqual(["fixed"]);
  expect(await list()).toEqual(["fixed", "v3"]);
  expect((await fetch(`${registry.url}v2/b/manifests/v1`)).status).toBe(200);
  expect(await registry.restore("a", images[1]!.digest)).toEqual(["v1"]);
  expect(await list()).toEqual(["fixed", "v1", "v3"]);
  await expect(registry.retain([{}])).rejects.toMatchObject({ code: "USAGE" });
});

test("scrub finds the blob with a flipped bit; in quarantine it is gone, and a push heals it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-scrub-"));
  try {
    await using registry = await Registry.start({ storage: await FileStore.open(folder) });
    const { blob } = await pushImage(registry, "a", "v1");
    await pushImage(registry, "a", "v2");
    expect(await registry.scrub()).toMatchObject({ blobs: 4, damaged: [] });
    const path = join(folder, "objects", "blobs", "sha256", blob.slice(7));
    const bytes = readFileSync(path);
    bytes[1]! ^= 1;
    writeFileSync(path, bytes);
    const actual = digestOf(bytes.toString());
    const damaged = { digest: blob, size: bytes.length, actual };
    expect((await registry.scrub()).damaged).toEqual([{ ...damaged, quarantined: false }]);
    expect((await registry.scrub({ quarantine: true })).damaged).toEqual([{ ...damaged, quarantined: true }]);
    const url = `${registry.url}v2/a/blobs/${blob}`;
    expect((await fetch(url, { method: "HEAD" })).status).toBe(404);
    const aside = join(folder, "objects", "quarantine", blob.replace(":", "-"));
    expect(readFileSync(aside)).toEqual(bytes);
    await pushImage(registry, "a", "v1");
    expect(await (await fetch(url)).text()).toBe("a:v1");
    expect(await registry.scrub()).toMatchObject({ blobs: 4, damaged: [] });
    const signal = AbortSignal.abort();
    await expect(registry.scrub({ signal })).rejects.toMatchObject({ code: "CANCELED" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a blob that the disk cannot read any more is set aside, one that cannot be opened for another reason is not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-scrub-"));
  try {
    await using registry = await Registry.start({ storage: await FileStore.open(folder) });
    const lost = await pushImage(registry, "a", "v1");
    const closed = await pushImage(registry, "a", "v2");
    const pathOf = (blob: Digest) => join(folder, "objects", "blobs", "sha256", blob.slice(7));
    // Reading it at its beginning is EIO.
    rmSync(pathOf(lost.blob));
    symlinkSync("/proc/self/mem", pathOf(lost.blob));
    // Reading it is EINVAL, whatever the disk.
    rmSync(pathOf(closed.blob));
    symlinkSync("/proc/self/clear_refs", pathOf(closed.blob));
    const { damaged } = await registry.scrub({ quarantine: true });
    expect(damaged.toSorted((a, b) => Number(b.quarantined) - Number(a.quarantined))).toEqual([
      { digest: lost.blob, size: 0, quarantined: true },
      { digest: closed.blob, size: 0, quarantined: false },
    ]);
    expect((await fetch(`${registry.url}v2/a/blobs/${lost.blob}`, { method: "HEAD" })).status).toBe(404);
    await pushImage(registry, "a", "v1");
    expect(await (await fetch(`${registry.url}v2/a/blobs/${lost.blob}`)).text()).toBe("a:v1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
