import { bytesUsed, type Claim, type Ledger, OverQuota, refuseBeyond } from "./ledger.ts";
import type { Account } from "./rules.ts";

/** Milliseconds after which an upload that nobody works on makes way for others of its account. */
export const idleAfter = 300_000;
/** Clocks do not differ by so much: who worked so far in the future did so before the clock was set back. */
const future = 3600_000;
/** Milliseconds between two notes that an upload is worked on. */
export const renewEvery = 60_000;
/** Unfinished uploads of one account that hold bytes; all of them are in its ledger. */
const mostClaims = 1000;
/** Of what is left each claim takes at most this part, and so many bytes, beyond what is needed at once. */
const share = 64;
const largestStep = 64 << 20;

export interface ClaimRequest {
  /** Of the upload. */
  readonly id: string;
  /** Its length with the bytes that come next. */
  readonly need: number;
  /** More bytes come with this request, nobody knows how many: claiming some ahead saves asking for each. */
  readonly goesOn: boolean;
  /** Bytes it may have all the same: it says it is a blob of this size, which the repository holds. */
  readonly known?: number;
  readonly now: number;
}

export interface Claimed {
  /** The length up to which the upload may grow. */
  readonly granted: number;
  /** The account's ledger after that; undefined when it stays as it is. */
  readonly ledger?: Ledger;
  /** Uploads that make way: to be dropped before the ledger forgets them. */
  readonly dropped: readonly string[];
}

/**
 * Room for an unfinished upload. Alone it may be as long as there was room when it began or is now, all of an account together
 * may hold as much as the account, beside what is stored. Throws {@link OverQuota}.
 */
export function claim(account: Account, ledger: Ledger, request: ClaimRequest): Claimed {
  const { id, need, goesOn, known = 0, now } = request;
  const limit = account.limits.bytes;
  const others: Record<string, Claim> = { ...ledger.uploads };
  const own = others[id];
  delete others[id];
  const most = Math.max(own?.most ?? 0, limit - bytesUsed(ledger), Math.min(known, limit));
  if (need > most) refuseBeyond(account, ledger, { bytes: need });
  const isFresh = own !== undefined && own.at > now - renewEvery;
  if (isFresh && need <= own.bytes && most === own.most) return { granted: own.bytes, dropped: [] };

  const dropped: string[] = [];
  let held = 0;
  for (const { bytes } of Object.values(others)) held += bytes;
  const idle = Object.entries(others).filter(([, { at }]) => at <= now - idleAfter || at > now + future);
  idle.sort(([, a], [, b]) => a.at - b.at);
  while (held + need > limit || Object.keys(others).length >= mostClaims) {
    const oldest = idle.shift();
    if (!oldest) throw beyondUnfinished(account, { held, need, count: Object.keys(others).length });
    dropped.push(oldest[0]);
    held -= oldest[1].bytes;
    delete others[oldest[0]];
  }
  const ahead = goesOn ? Math.min(largestStep, Math.floor((limit - held - need) / share)) : 0;
  const bytes = Math.max(own?.bytes ?? 0, Math.min(need + ahead, most));
  const next: Claim = { bytes: Math.min(bytes, limit - held), most, at: now };
  return { granted: next.bytes, dropped, ledger: { ...ledger, uploads: { ...others, [id]: next } } };
}

/** The ledger that says that somebody works on an upload; undefined when it holds nothing. */
export function renew(ledger: Ledger, id: string, now: number): Ledger | undefined {
  const own = ledger.uploads?.[id];
  return own && { ...ledger, uploads: { ...ledger.uploads, [id]: { ...own, at: now } } };
}

/** The ledger without what an upload may hold; undefined when it holds nothing. */
export function unclaim(ledger: Ledger, id: string): Ledger | undefined {
  if (!ledger.uploads?.[id]) return undefined;
  const { [id]: _, ...uploads } = ledger.uploads;
  return { ...ledger, uploads };
}

function beyondUnfinished(
  { kind, name, limits }: Account,
  { held, need, count }: { held: number; need: number; count: number },
): OverQuota {
  const limit = limits.bytes;
  return new OverQuota(
    "TOOMANYREQUESTS",
    `unfinished uploads to the ${kind} ${name} may hold ${limit} bytes together and be ${mostClaims} at once: ${count} of them hold ${held} and this one has ${need}; push again when some are finished`,
    {
      headers: { "Retry-After": "30" },
      detail: { quota: `${kind} ${name}`, limit, held, wanted: need, uploads: count, unit: "bytes" },
    },
  );
}
