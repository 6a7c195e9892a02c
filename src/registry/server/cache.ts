import type { Digest } from "../../oci/index.ts";

export interface CachedManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  /** Of a complete GET. */
  readonly headers: Record<string, string>;
}

/** Entries of tags kept; a tag costs about 200 bytes. */
const tagLimit = 50_000;

/**
 * Manifests and tags that were read, for stores nobody else writes to. A writer calls `forget` before and after its
 * change; a reader remembers what it found only if no change began or ended since it started reading, so an old value
 * cannot be remembered after a new one was stored.
 */
export class ManifestCache {
  readonly #limit: number;
  readonly #manifests = new Map<string, CachedManifest>();
  readonly #tags = new Map<string, Digest>();
  #size = 0;
  #generation = 0;

  /** `limit` is in bytes of manifests; 0 turns the cache off. */
  constructor(limit: number) {
    this.#limit = limit;
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

  rememberTag(generation: number, name: { repository: string; tag: string }, digest: Digest): void {
    if (generation !== this.#generation || this.#limit === 0) return;
    if (this.#tags.size >= tagLimit) this.#tags.clear();
    this.#tags.set(`${name.repository}:${name.tag}`, digest);
  }

  rememberManifest(
    generation: number,
    name: { repository: string; digest: Digest },
    manifest: CachedManifest,
  ): void {
    const size = manifest.bytes.byteLength + 500;
    if (generation !== this.#generation || size > this.#limit / 4) return;
    this.#drop(`${name.repository}@${name.digest}`);
    // The oldest goes first; what is asked for often is read again at once.
    for (const key of this.#manifests.keys()) {
      if (this.#size + size <= this.#limit) break;
      this.#drop(key);
    }
    this.#manifests.set(`${name.repository}@${name.digest}`, manifest);
    this.#size += size;
  }

  forget(repository: string, reference: string): void {
    this.#generation++;
    this.#tags.delete(`${repository}:${reference}`);
    this.#drop(`${repository}@${reference}`);
  }

  #drop(key: string): void {
    const manifest = this.#manifests.get(key);
    if (!manifest) return;
    this.#manifests.delete(key);
    this.#size -= manifest.bytes.byteLength + 500;
  }
}
