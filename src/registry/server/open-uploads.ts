import { Refusal } from "./protocol/refusal.ts";
import type { ObjectStore } from "./storage/object-store.ts";

/** Whose an upload is, kept with it. */
export interface UploadLabel {
  readonly repository: string;
  readonly actor?: string;
}

/** Undefined for what is no upload of a client: one of a cache says what it fills, that of a scrub is no JSON, nor is what a power cut left. */
export function parseLabel(text: string): UploadLabel | undefined {
  try {
    const label = JSON.parse(text) as (Partial<UploadLabel> & { readonly fill?: unknown }) | null;
    const isOfClient = typeof label?.repository === "string" && label.fill === undefined;
    return isOfClient ? (label as UploadLabel) : undefined;
  } catch {
    return undefined;
  }
}

/** Unfinished uploads of one user, all who are nobody being one. A push has ten at most, and what CI jobs leave makes way. */
const standardLimit = 10_000;
/** Milliseconds after which an upload that nobody works on makes way. Over a storage that others serve they may be at it. */
const idle = { alone: 300_000, shared: 3600_000 };
/** Uploads that one new one may push out: what was left by the thousand goes little by little. */
const atOnce = 16;

/**
 * How many uploads each user has left open. Empty ones cost no bytes that a quota would see, and yet two files each. Where nobody
 * else serves the storage, those of earlier processes count too.
 */
export class OpenUploads {
  readonly #objects: ObjectStore;
  readonly #isBusy: (id: string) => boolean;
  readonly #limit: number;
  /** When each was last worked on, milliseconds since the epoch; who was quiet longest is first. */
  readonly #users = new Map<string, Map<string, number>>();
  #earlier: Promise<void> | undefined;

  /** `isBusy`: whether a request works on an upload just now. */
  constructor(objects: ObjectStore, isBusy: (id: string) => boolean, limit = standardLimit) {
    this.#objects = objects;
    this.#isBusy = isBusy;
    this.#limit = limit;
  }

  /** To be called before an upload begins. Throws TOOMANYREQUESTS. */
  async makeRoom(actor: string | undefined): Promise<void> {
    // Where they cannot be listed, none can be begun either, and that is what is told.
    this.#earlier ??= this.#countEarlier().catch(() => {
      this.#earlier = undefined;
    });
    await this.#earlier;
    const uploads = this.#users.get(actor ?? "");
    if (!uploads || uploads.size < this.#limit) return;
    const before = Date.now() - (this.#objects.exclusive ? idle.alone : idle.shared);
    const quiet: string[] = [];
    for (const [id, at] of uploads) {
      if (at > before || quiet.length >= atOnce) break;
      if (!this.#isBusy(id)) quiet.push(id);
    }
    if (quiet.length === 0)
      throw new Refusal(
        "TOOMANYREQUESTS",
        `${uploads.size} uploads of ${actor === undefined ? "those who are not logged in" : "this user"} are unfinished, and no more are let begin: finish or cancel some`,
        { headers: { "Retry-After": "60" }, detail: { limit: this.#limit, unfinished: uploads.size } },
      );
    for (const id of quiet) this.ended(actor, id);
    for (const id of quiet) await this.#objects.dropUpload(id);
  }

  /** Somebody works on an upload, or has begun it. */
  touched(actor: string | undefined, id: string): void {
    const user = actor ?? "";
    const uploads = this.#users.get(user) ?? new Map<string, number>();
    this.#users.set(user, uploads);
    uploads.delete(id);
    uploads.set(id, Date.now());
  }

  ended(actor: string | undefined, id: string): void {
    const user = actor ?? "";
    const uploads = this.#users.get(user);
    uploads?.delete(id);
    if (uploads?.size === 0) this.#users.delete(user);
  }

  /** Those that are there from before, as if they had been touched now: nobody knows better. */
  async #countEarlier(): Promise<void> {
    if (!this.#objects.exclusive) return;
    for (const [i, id] of (await this.#objects.staleUploads(Number.POSITIVE_INFINITY)).entries()) {
      const label = parseLabel((await this.#objects.openUpload(id))?.label ?? "");
      if (label) this.touched(label.actor, id);
      // Requests are answered meanwhile.
      if (i % 200 === 199) await Bun.sleep(0);
    }
  }
}
