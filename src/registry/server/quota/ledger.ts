import { Refusal } from "../protocol/refusal.ts";
import type { Account, Usage } from "./rules.ts";

/** What is known of an account, in the object store. */
export interface Ledger extends Usage {
  /** When all of it was last counted, milliseconds since the epoch. */
  readonly countedAt: number;
  /** What unfinished uploads may hold, by their ids; see `claims.ts`. */
  readonly uploads?: Readonly<Record<string, Claim>>;
  /** What clients deleted and is still stored. */
  readonly leaving?: readonly Leaving[];
}

export interface Leaving {
  readonly bytes: number;
  /** When nothing keeps it any more, milliseconds since the epoch; it goes with collections after that. */
  readonly until: number;
}

export interface Claim {
  /** So long may the upload get before more is claimed. */
  readonly bytes: number;
  /** The most it may claim because there was so much room once: others that finish do not take that away. */
  readonly most: number;
  /** When somebody last worked on the upload, milliseconds since the epoch. */
  readonly at: number;
}

/** A push that has no room. What came of it is of no use to anybody. */
export class OverQuota extends Refusal {}

/** Bytes that an account holds and cannot use otherwise. */
export function bytesUsed({ bytes, leaving = [] }: Ledger): number {
  return leaving.reduce((sum, each) => sum + each.bytes, bytes);
}

/** Milliseconds within which what leaves is one entry, and the most entries there are. */
const together = 600_000;
const mostLeaving = 500;

/** The ledger with so many bytes more that are still stored, though nothing here counts them. */
export function leave(ledger: Ledger, bytes: number, until: number): Ledger {
  if (bytes <= 0) return ledger;
  const leaving = [...(ledger.leaving ?? [])];
  // Measured by the clock and not from entry to entry: one that moved on with all that joins it would never have left.
  const span = Math.floor(until / together);
  const near = leaving.findIndex((each) => Math.floor(each.until / together) === span);
  const joined = near >= 0 ? near : leaving.length >= mostLeaving ? leaving.length - 1 : leaving.length;
  const { bytes: before, until: then } = leaving[joined] ?? { bytes: 0, until };
  leaving[joined] = { bytes: before + bytes, until: Math.max(then, until) };
  return { ...ledger, leaving };
}

/** The ledger without what has left by then; undefined when nothing has. */
export function forgetLeft(ledger: Ledger, before: number): Ledger | undefined {
  const leaving = ledger.leaving?.filter(({ until }) => until >= before);
  return leaving && leaving.length < ledger.leaving!.length ? { ...ledger, leaving } : undefined;
}

/** Throws {@link OverQuota} when there is no room for so much more beside what is stored. */
export function refuseBeyond({ kind, name, limits }: Account, ledger: Ledger, more: Partial<Usage>): void {
  const used = { ...ledger, bytes: bytesUsed(ledger) };
  for (const what of ["bytes", "tags", "repositories"] as const) {
    const wanted = more[what] ?? 0;
    if (wanted <= 0 || used[what] + wanted <= limits[what]) continue;
    throw new OverQuota(
      "DENIED",
      `the quota of the ${kind} ${name} is ${limits[what]} ${what}: ${used[what]} are used and ${wanted} more were to come; delete images here, their blobs count until they are collected`,
      { detail: { quota: `${kind} ${name}`, limit: limits[what], used: used[what], wanted, unit: what } },
    );
  }
}
