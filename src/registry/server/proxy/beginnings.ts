import { leastKept } from "../../../sys/index.ts";
import type { ObjectStore, Upload } from "../storage/object-store.ts";

/** Kept with the upload that a download goes into. */
interface FillLabel {
  /** See `fillName`. */
  readonly fill: string;
}

/**
 * What downloads came to that were cut short, in this process or in one that was killed: uploads of the storage, found by their labels. Nobody has
 * compared them with anything. Those that nobody asks for again are given up as all uploads are, by the collection.
 *
 * Only where one process has the storage, and what was appended to an upload can be read before its end (files): S3 shows nothing of an
 * upload, and memory is not there to hold halves of blobs.
 */
export class Beginnings {
  readonly #objects: ObjectStore;
  readonly #ids = new Map<string, string>();
  #search: Promise<void> | undefined;

  private constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  static of(objects: ObjectStore): Beginnings {
    const known = byStore.get(objects) ?? new Beginnings(objects);
    byStore.set(objects, known);
    return known;
  }

  /** What there is of a blob; the caller's until `giveBack`. */
  async find(fill: string): Promise<Upload | undefined> {
    if (this.#objects.kind !== "files") return undefined;
    // Before the first download of this process, so that none of its own is found.
    this.#search ??= this.#searchAll();
    await this.#search;
    const id = this.#ids.get(fill);
    this.#ids.delete(fill);
    return id === undefined ? undefined : await this.#objects.openUpload(id);
  }

  /** The upload stays for the next one who asks; it is dropped where that is worth nothing. */
  async giveBack(fill: string, upload: Upload): Promise<void> {
    if (this.#objects.kind !== "files" || upload.length < leastKept) return await upload.abort();
    this.#ids.set(fill, upload.id);
  }

  /** Best effort: an upload that cannot be read is fetched anew. */
  async #searchAll(): Promise<void> {
    const longest = new Map<string, number>();
    const ids = await this.#objects.staleUploads(Number.POSITIVE_INFINITY).catch(() => []);
    for (const id of ids) {
      const upload = await this.#objects.openUpload(id).catch(() => undefined);
      const fill = upload && fillOf(upload.label);
      if (fill === undefined || upload!.length <= (longest.get(fill) ?? 0)) continue;
      longest.set(fill, upload!.length);
      this.#ids.set(fill, id);
    }
  }
}

/** Whichever servers and settings a storage is used with, its uploads are the same. */
const byStore = new WeakMap<ObjectStore, Beginnings>();

function fillOf(label: string): string | undefined {
  try {
    return (JSON.parse(label) as Partial<FillLabel>).fill;
  } catch {
    // Of a machine that lost power it may be empty.
    return undefined;
  }
}
