import { encodeRecord, readRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { leaseKey } from "./keys.ts";

/** A collector that has not renewed its lease for so long is taken for dead, milliseconds. */
const duration = 60_000;

/**
 * One collector at a time, over all replicas. It saves work rather than keeps anything safe: two collections at once
 * would only lose races against each other.
 */
export class Lease implements AsyncDisposable {
  /** When it was taken by the storage's clock, milliseconds since the epoch. */
  readonly start: number;
  readonly #objects: ObjectStore;
  #etag: string;
  #renewed = Date.now();

  private constructor(objects: ObjectStore, etag: string, start: number) {
    this.#objects = objects;
    this.#etag = etag;
    this.start = start;
  }

  /** Undefined when another collector is at work. */
  static async take(objects: ObjectStore): Promise<Lease | undefined> {
    const found = await readRecord<{ until: number }>(objects, leaseKey);
    const left = (found?.value.until ?? 0) - Date.now();
    // More than a lease ever has was written before the clock was set back, by a collector that is long dead.
    if (left > 0 && left <= 2 * duration) return undefined;
    const condition = found ? { ifMatch: found.etag } : ({ ifNoneMatch: "*" } as const);
    let etag = "";
    const taken = await whileUnchanged(async () => {
      etag = await objects.put(leaseKey, content(), condition);
    });
    if (!taken) return undefined;
    const info = await objects.head(leaseKey);
    // Ages are measured by the clock that stamps the objects.
    return info && new Lease(objects, etag, Math.min(info.modified, Date.now()));
  }

  /** False when another collector took over meanwhile: this one has to stop. */
  async keep(): Promise<boolean> {
    if (Date.now() - this.#renewed < duration / 4) return true;
    return whileUnchanged(async () => {
      this.#etag = await this.#objects.put(leaseKey, content(), { ifMatch: this.#etag });
      this.#renewed = Date.now();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await whileUnchanged(() => this.#objects.delete(leaseKey, this.#etag));
  }
}

function content(): Uint8Array {
  return encodeRecord({ until: Date.now() + duration, holder: crypto.randomUUID() });
}
