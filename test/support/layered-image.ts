import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import {
  type Digest,
  encodeConfig,
  encodeManifest,
  hostPlatform,
  mediaTypes,
  sha256,
} from "../../src/oci/index.ts";
import { type Credentials, Remote } from "../../src/registry/client/index.ts";
import { tarOf } from "./archives.ts";
import { userEnv } from "./user-env.ts";

export interface LayeredImage {
  readonly manifest: Uint8Array;
  readonly digest: Digest;
  readonly id: Digest;
  readonly diffIDs: readonly Digest[];
  /** Configuration and layers. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly layers: readonly Digest[];
}

/** An image whose gzipped layers have about so many bytes each, and that no compression makes smaller. */
export async function makeLayeredImage(sizes: readonly number[]): Promise<LayeredImage> {
  const tars = await Promise.all(sizes.map((size, i) => tarOf([[`file-${i}`, randomBytes(size)]])));
  const layers = tars.map((tar) => gzipSync(tar, { level: 1 }));
  const diffIDs = tars.map((tar) => sha256(tar));
  const config = encodeConfig({ ...hostPlatform(), rootfs: { type: "layers", diff_ids: diffIDs } });
  const manifest = encodeManifest({
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
    config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
    layers: layers.map((layer) => ({
      ...{ mediaType: mediaTypes.ociLayerGzip, digest: sha256(layer), size: layer.length },
    })),
  });
  const blobs = new Map<Digest, Uint8Array>([config, ...layers].map((bytes) => [sha256(bytes), bytes]));
  const digests = layers.map((layer) => sha256(layer));
  return { manifest, digest: sha256(manifest), id: sha256(config), diffIDs, blobs, layers: digests };
}

/** Puts it into a registry, past everything that harms connections. */
export async function pushLayeredImage(
  image: LayeredImage,
  host: string,
  path: string,
  credentials?: Credentials,
): Promise<void> {
  const env = userEnv("/nowhere");
  using remote = new Remote({ env, ...(credentials ? { credentials } : {}) });
  const repository = await remote.repository({ domain: host, path });
  for (const [digest, bytes] of image.blobs)
    await repository.uploadBlob(
      { digest, size: bytes.length },
      { open: (start, end) => [bytes.subarray(start, end)] },
    );
  await repository.putManifest("1", { raw: image.manifest, mediaType: mediaTypes.ociManifest });
}

/**
 * What a repository serves of an image: each blob is whole or not there, and with the manifest all are there. Gives the
 * number of blobs; throws with what is wrong.
 */
export async function examine(image: LayeredImage, host: string, path: string): Promise<number> {
  const at = `http://${host}/v2/${path}`;
  let found = 0;
  for (const digest of image.blobs.keys()) {
    const answer = await fetch(`${at}/blobs/${digest}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.status === 404) continue;
    if (answer.status !== 200 || sha256(bytes) !== digest)
      throw new Error(`${host} serves ${bytes.length} bytes with ${answer.status} for ${digest}`);
    found++;
  }
  const manifest = await fetch(`${at}/manifests/1`, { headers: { Accept: mediaTypes.ociManifest } });
  const bytes = new Uint8Array(await manifest.arrayBuffer());
  if (manifest.status === 404) return found;
  if (sha256(bytes) !== image.digest) throw new Error(`${host} serves another manifest`);
  if (found < image.blobs.size) throw new Error(`${host} has a manifest with ${found} of its blobs`);
  return found + 1;
}
