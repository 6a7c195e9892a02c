import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, mediaTypes } from "../../../oci/index.ts";
import { digestOf, putManifest } from "../proxy/upstream.test-support.ts";
import { Registry } from "../server.ts";
import { FileStore } from "../storage/files.ts";

/** An image of one blob, which holds its name. */
async function pushImage(registry: Registry, repository: string, tag: string): Promise<{ blob: Digest }> {
  const content = `${repository}:${tag}`;
  const digest = digestOf(content);
  const uploads = `${registry.url}v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await fetch(uploads, { method: "POST", body: content })).status).toBe(201);
  const config = { mediaType: mediaTypes.ociConfig, digest, size: content.length };
  const mediaType = mediaTypes.ociManifest;
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] });
  await putManifest(registry.url, repository, tag, { body, mediaType });
  return { blob: digest };
}

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
