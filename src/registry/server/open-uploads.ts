import { Refusal } from "./protocol/refusal.ts";
import type { ObjectStore } from "./storage/object-store.ts";

/** No user's name has a slash: a client's address is never taken for one. */
const nobody = (client: string) => `/${client}`;

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

/** Unfinished uploads of one user, all who are not logged in being one. A push has ten at most, and what CI jobs leave makes way. */
const standardLimit = 10_000;
/** Milliseconds after which an upload that nobody works on makes way. Over a storage that others serve they may be at it. */
const idle = { alone: 300_000, shared: 3600_000 };
/** Uploads that one new one may push out: what was left by the thousand goes little by little. */
const atOnce = 16;
/** Uploads that are looked at, at the limit, for whether they have ended elsewhere. */
const looks = 8;

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
  /** Who began each upload of those who are not logged in. */
  readonly #clients = new Map<string, string>();
  #earlier: Promise<void> | undefined;

  /** `isBusy`: whether a request works on an upload just now. */
  constructor(objects: ObjectStore, isBusy: (id: string) => boolean, limit = standardLimit) {
    this.#objects = objects;
    this.#isBusy = isBusy;
    this.#limit = limit;
  }

  /** To be called before an upload begins, with what counts as one client there. Throws TOOMANYREQUESTS. */
  async makeRoom(actor: string | undefined, client = ""): Promise<void> {
    // Where they cannot be listed, none can be begun either, and that is what is told.
    this.#earlier ??= this.#countEarlier().catch(() => {
      this.#earlier = undefined;
    });
    await this.#earlier;
    const own = actor ?? nobody(client);
    const count = actor === undefined ? this.#clients.size : (this.#users.get(own)?.size ?? 0);
    if (count < this.#limit || (await this.#forgetEnded(actor))) return;
    const before = Date.now() - (this.#objects.exclusive ? idle.alone : idle.shared);
    const users = actor === undefined ? this.#nobodies() : [own];
    let quiet = users.flatMap((user) => this.#left(user, before, atOnce)).slice(0, atOnce);
    if (quiet.length === 0 && actor === undefined) quiet = this.#takenFromLargest(users, own);
    if (quiet.length === 0)
      throw new Refusal(
        "TOOMANYREQUESTS",
        `${count} uploads of ${actor === undefined ? "those who are not logged in" : "this user"} are unfinished, and no more are let begin: finish or cancel some`,
        { headers: { "Retry-After": "60" }, detail: { limit: this.#limit, unfinished: count } },
      );
    for (const id of quiet) this.ended(actor, id);
    for (const id of quiet) await this.#objects.dropUpload(id);
  }

  /** Somebody has begun an upload. */
  begun(actor: string | undefined, id: string, client = ""): void {
    if (actor === undefined) this.#clients.set(id, nobody(client));
    this.touched(actor, id);
  }

  /** Somebody works on an upload. */
  touched(actor: string | undefined, id: string): void {
    const user = this.#userOf(actor, id);
    if (actor === undefined) this.#clients.set(id, user);
    const uploads = this.#users.get(user) ?? new Map<string, number>();
    this.#users.set(user, uploads);
    uploads.delete(id);
    uploads.set(id, Date.now());
  }

  /** Somebody has worked on an upload until now, which may have ended with that. */
  leftAlone(actor: string | undefined, id: string): void {
    if (this.#users.get(this.#userOf(actor, id))?.has(id)) this.touched(actor, id);
  }

  ended(actor: string | undefined, id: string): void {
    const user = this.#userOf(actor, id);
    this.#clients.delete(id);
    const uploads = this.#users.get(user);
    uploads?.delete(id);
    if (uploads?.size === 0) this.#users.delete(user);
  }

  /** Over a storage that others serve, what began here may have ended there: true when that is so for one of some. */
  async #forgetEnded(actor: string | undefined): Promise<boolean> {
    if (this.#objects.exclusive) return false;
    const ids = [...((actor === undefined ? this.#clients : this.#users.get(actor))?.keys() ?? [])];
    const some = Array.from({ length: looks }, () => ids[Math.floor(Math.random() * ids.length)]!);
    const isThere = await Promise.all(some.map((id) => this.#objects.openUpload(id)));
    const ended = some.filter((_, i) => !isThere[i]);
    for (const id of ended) this.ended(actor, id);
    return ended.length > 0;
  }

  #userOf(actor: string | undefined, id: string): string {
    return actor ?? this.#clients.get(id) ?? nobody("");
  }

  #nobodies(): string[] {
    return [...new Set(this.#clients.values())];
  }

  /** Those of one that nobody has worked on since, at most so many. */
  #left(user: string, before: number, most: number): string[] {
    const quiet: string[] = [];
    for (const [id, at] of this.#users.get(user) ?? []) {
      if (at > before || quiet.length >= most) break;
      if (!this.#isBusy(id)) quiet.push(id);
    }
    return quiet;
  }

  /** One of the client that has most, if that is far more than this one: a single client must not keep all others out. */
  #takenFromLargest(users: readonly string[], own: string): string[] {
    const sizeOf = (user: string) => this.#users.get(user)?.size ?? 0;
    const largest = users.reduce((most, user) => (sizeOf(user) > sizeOf(most) ? user : most), own);
    return sizeOf(largest) > 2 * sizeOf(own) + 1 ? this.#left(largest, Number.POSITIVE_INFINITY, 1) : [];
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
