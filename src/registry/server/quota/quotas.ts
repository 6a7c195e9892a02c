import { keysUnder } from "../gc/walk.ts";
import { Refusal } from "../protocol/refusal.ts";
import { encodeRecord, readRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import type { ObjectStore, WriteCondition } from "../storage/object-store.ts";
import { type ClaimRequest, claim, renew, unclaim } from "./claims.ts";
import { count } from "./count.ts";
import { type Claim, forgetLeft, type Ledger, leave, refuseBeyond } from "./ledger.ts";
import { type Account, compileQuotas, type QuotaRule, type Usage } from "./rules.ts";

const prefix = "quotas/";
const keyOf = ({ kind, name }: Account) => `${prefix}${kind}/${name.replaceAll("/", "!")}`;

/** Races for one ledger lost in a row before a push is asked to come again. */
const attempts = 60;
/** Milliseconds between countings of an account, and without any change before one. */
const countInterval = 24 * 3600_000;
const quiet = 600_000;

/**
 * Counts what accounts hold. An account's ledger is changed by conditional writes: first the ledger, then what is counted, and
 * the other way round when something goes. So the limits hold exactly, over all replicas and whatever happens at once. A
 * process that dies in between leaves a ledger that says too much, never too little; a collection puts it right.
 */
export class Quotas {
  readonly #accountsOf: (repository: string) => Account[];
  readonly #isCached: (repository: string) => boolean;
  readonly #objects: ObjectStore;
  /** Changes of one ledger by this process take turns: only replicas race. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(
    objects: ObjectStore,
    rules: readonly QuotaRule[],
    isCached: (repository: string) => boolean = () => false,
  ) {
    this.#objects = objects;
    this.#accountsOf = compileQuotas(rules);
    this.#isCached = isCached;
  }

  /** Empty for a repository that may hold anything. */
  accounts(repository: string): Account[] {
    return this.#isCached(repository) ? [] : this.#accountsOf(repository);
  }

  /** Throws DENIED when there is no room for so much more. Counts nothing: see `charge`. */
  async check(repository: string, more: Partial<Usage>): Promise<void> {
    for (const account of this.accounts(repository)) {
      const { ledger } = await this.#open(account);
      refuseBeyond(account, ledger, more);
    }
  }

  /**
   * Counts what is about to be stored, which was an upload with this id perhaps. Throws DENIED, and has counted nothing, when
   * there is no room.
   */
  async charge(repository: string, more: Partial<Usage>, upload?: string): Promise<void> {
    const charged: Account[] = [];
    try {
      for (const account of this.accounts(repository)) {
        await this.#change(account, (ledger) => {
          refuseBeyond(account, ledger, more);
          return add((upload && unclaim(ledger, upload)) || ledger, more, 1);
        });
        charged.push(account);
      }
    } catch (error) {
      for (const account of charged) await this.#change(account, (ledger) => add(ledger, more, -1));
      throw error;
    }
  }

  /**
   * Counts what is gone. With `until`, its bytes are still stored: they count on until a collection that begins two grace periods
   * after that time, or who pushes and deletes in turn could fill the disk.
   */
  async release(repository: string, less: Partial<Usage>, until?: number): Promise<void> {
    for (const account of this.accounts(repository))
      await this.#change(account, (ledger) => {
        const rest = add(ledger, less, -1);
        return until === undefined ? rest : leave(rest, less.bytes ?? 0, until);
      });
  }

  /** Lets an unfinished upload grow; resolves to the length it may get, infinite without quotas. Throws OverQuota. */
  async claim(repository: string, request: Omit<ClaimRequest, "now">): Promise<number> {
    let granted = Number.POSITIVE_INFINITY;
    for (const account of this.#accountsOfBytes(repository))
      await this.#change(account, async (ledger) => {
        const claimed = claim(account, ledger, { ...request, now: Date.now() });
        // Before the ledger forgets them, or who is killed here would leave bytes that count nowhere.
        for (const id of claimed.dropped) await this.#objects.dropUpload(id);
        granted = Math.min(granted, claimed.granted);
        return claimed.ledger;
      });
    return granted;
  }

  /** An upload has ended, in whatever way. Where that cannot be written, as on a full disk, its claim makes way when it is old. */
  async unclaim(repository: string, id: string): Promise<void> {
    for (const account of this.#accountsOfBytes(repository))
      await this.#change(account, (ledger) => unclaim(ledger, id)).catch(() => {});
  }

  /** Somebody works on an upload: nobody else's takes its room. */
  async renew(repository: string, id: string): Promise<void> {
    for (const account of this.#accountsOfBytes(repository))
      await this.#change(account, (ledger) => renew(ledger, id, Date.now()));
  }

  #accountsOfBytes(repository: string): Account[] {
    return this.accounts(repository).filter(({ limits }) => limits.bytes < Number.POSITIVE_INFINITY);
  }

  /** Forgets what collections have taken by now, and counts again what was not counted for long and does not change. */
  async recount(now: number, grace: number): Promise<void> {
    for await (const key of keysUnder(this.#objects, prefix)) {
      const [, kind, word] = key.split("/") as [string, Account["kind"], string];
      const name = word.replaceAll("!", "/");
      const sample = kind === "repository" ? name : `${name}/x`;
      const account = this.#accountsOf(sample).find((each) => each.kind === kind && each.name === name);
      // No rule is about it any more: if one is again, what this says would be old.
      if (!account) await this.#objects.delete(key);
      else {
        await this.#change(account, (ledger) => forgetLeft(ledger, now - 2 * grace));
        await this.#recount(account, now);
      }
    }
  }

  async #recount(account: Account, now: number): Promise<void> {
    const key = keyOf(account);
    const info = await this.#objects.head(key);
    const found = await readRecord<Ledger>(this.#objects, key);
    if (!info || !found || info.etag !== found.etag) return;
    if (found.value.countedAt > now - countInterval || info.modified > now - quiet) return;
    const usage = await this.#count(account);
    const uploads: Record<string, Claim> = {};
    for (const [id, claim] of Object.entries(found.value.uploads ?? {}))
      if (await this.#objects.openUpload(id)) uploads[id] = claim;
    await this.#write(
      key,
      { ...usage, countedAt: now, uploads, leaving: found.value.leaving ?? [] },
      { ifMatch: found.etag },
    );
  }

  /** Writes what a ledger becomes, over what it became from; undefined leaves it as it is. */
  #change(
    account: Account,
    become: (ledger: Ledger) => Ledger | undefined | Promise<Ledger | undefined>,
  ): Promise<void> {
    const key = keyOf(account);
    const before = this.#turns.get(key);
    const turn = (async () => {
      await before?.catch(() => {});
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const { ledger, etag } = await this.#open(account);
        const next = await become(ledger);
        if (!next || (await this.#write(key, next, { ifMatch: etag }))) return;
        await Bun.sleep(Math.random() * Math.min(200, 5 * attempt));
      }
      throw new Refusal("UNAVAILABLE", "too many others store something here just now", {
        headers: { "Retry-After": "2" },
      });
    })();
    this.#turns.set(key, turn);
    return turn.finally(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    });
  }

  /** The ledger of an account, made by counting when there is none. */
  async #open(account: Account): Promise<{ readonly ledger: Ledger; readonly etag: string }> {
    const key = keyOf(account);
    for (;;) {
      const found = await readRecord<Ledger>(this.#objects, key);
      if (found) return { ledger: found.value, etag: found.etag };
      const ledger = { ...(await this.#count(account)), countedAt: Date.now() };
      await this.#write(key, ledger, { ifNoneMatch: "*" });
    }
  }

  #count(account: Account): Promise<Usage> {
    return count(this.#objects, account, (repository) => !this.#isCached(repository));
  }

  #write(key: string, ledger: Ledger, condition: WriteCondition): Promise<boolean> {
    // The nonce makes every write another version where the version is a hash of the content.
    const bytes = encodeRecord({ ...ledger, nonce: crypto.randomUUID() });
    return whileUnchanged(() => this.#objects.put(key, bytes, condition));
  }
}

function add(ledger: Ledger, amount: Partial<Usage>, sign: 1 | -1): Ledger {
  const sum = (what: keyof Usage) => Math.max(0, ledger[what] + sign * (amount[what] ?? 0));
  return { ...ledger, bytes: sum("bytes"), tags: sum("tags"), repositories: sum("repositories") };
}
