import { Refusal } from "../protocol/refusal.ts";
import type { Account, Usage } from "./rules.ts";

/** What is known of an account, in the object store. */
export interface Ledger extends Usage {
  /** When all of it was last counted, milliseconds since the epoch. */
  readonly countedAt: number;
  /** What unfinished uploads may hold, by their ids; see `claims.ts`. */
  readonly uploads?: Readonly<Record<string, Claim>>;
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

/** Throws {@link OverQuota} when there is no room for so much more beside what is stored. */
export function refuseBeyond({ kind, name, limits }: Account, used: Usage, more: Partial<Usage>): void {
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
