import type { Digest } from "../../oci/index.ts";
import { SizedMap } from "./sized-map.ts";

export interface CachedManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  /** Of a complete GET. */
  readonly headers: Readonly<Record<string, string>> & { readonly ETag: string };
}

/** Entries of tags kept; a tag costs about 200 bytes. */
const tagLimit = 50_000;

/** Bytes that an entry costs beside those of the manifest. */
const overhead = 500;

/**
 * Manifests and tags that were read. Of a store that others write to only the bytes that a digest names are kept: who holds them may
 * change at any time. Otherwise a writer calls `forget` before and after its change; a reader remembers what it found only if no change
 * began or ended since it started reading, so an old value cannot be remembered after a new one was stored.
 */
export class ManifestCache {
  readonly #isShared: boolean;
  readonly #manifests: SizedMap<CachedManifest>;
  readonly #contents: SizedMap<Uint8Array<ArrayBuffer>>;
  readonly #tags = new Map<string, Digest>();
  #generation = 0;

  /** `limit` is in bytes of manifests. */
  constructor(limit: number, { isShared }: { isShared: boolean }) {
    this.#isShared = isShared;
    this.#manifests = new SizedMap(isShared ? 0 : limit);
    this.#contents = new SizedMap(isShared ? limit : 0);
  }

  get generation(): number {
    return this.#generation;
  }

  tag(repository: string, tag: string): Digest | undefined {
    return this.#tags.get(`${repository}:${tag}`);
  }

  manifest(repository: string, digest: string): CachedManifest | undefined {
    return this.#manifests.get(`${repository}@${digest}`);
  }

  /** The bytes of a manifest, whoever holds it. */
  content(digest: Digest): Uint8Array<ArrayBuffer> | undefined {
    return this.#contents.get(digest);
  }

  rememberTag(generation: number, name: { repository: string; tag: string }, digest: Digest): void {
    if (this.#isShared || generation !== this.#generation) return;
    if (this.#tags.size >= tagLimit) this.#tags.clear();
    this.#tags.set(`${name.repository}:${name.tag}`, digest);
  }

  rememberManifest(
    generation: number,
    { repository, digest }: { repository: string; digest: Digest },
    manifest: CachedManifest,
  ): void {
    const size = manifest.bytes.byteLength + overhead;
    this.#contents.set(digest, manifest.bytes, size);
    if (generation === this.#generation) this.#manifests.set(`${repository}@${digest}`, manifest, size);
  }

  forget(repository: string, reference: string): void {
    this.#generation++;
    this.#tags.delete(`${repository}:${reference}`);
    this.#manifests.delete(`${repository}@${reference}`);
  }
}
