import { randomHex } from "../sys/index.ts";
import type { Database } from "./database.ts";
import { currentOwner, isOwnerDead } from "./owner.ts";
import { addRef, dropRefs, isStored, type RefKind } from "./refs.ts";

/**
 * Keeps what an operation made or uses from being collected until something lasting refers to it. A lease dies with
 * its process, however that ends.
 */
export interface Lease {
  readonly id: string;
  /**
   * Keeps this alive from now on. True when the store has it: then it stays. False when it does not: what is stored
   * under this key later is kept from that moment.
   */
  add(kind: RefKind, key: string): boolean;
  /** Ends the lease. Idempotent; never throws. */
  release(): void;
  [Symbol.dispose](): void;
}

/** A lease of this process. Nothing is written before the first `add`. */
export function createLease(database: Database, purpose: string): Lease {
  const id = randomHex(8);
  const held = new Set<string>();
  let used = false;
  const release = () => {
    if (used) endLease(database, id);
    used = false;
    held.clear();
  };
  return {
    id,
    add(kind, key) {
      // Repeating a successful add costs nothing: builds ask for the same layers again and again.
      const name = `${kind} ${key}`;
      if (held.has(name)) return true;
      const nested = database.inTransaction;
      const stored = database.write(() => {
        const now = Date.now();
        database.run("insert or ignore into leases values (?, ?, ?, ?)", id, currentOwner(), purpose, now);
        addRef(database, "lease", id, { kind, key });
        return isStored(database, { kind, key });
      });
      used = true;
      // Inside a larger transaction it may still be undone.
      if (stored && !nested) held.add(name);
      return stored;
    },
    release,
    [Symbol.dispose]: release,
  };
}

/** Leases of this process that a full disk did not let go of; its next gc does. */
const overdue = new Set<string>();

/** Must not throw: it runs when something else has gone wrong, and would hide it. */
function endLease(database: Database, id: string): void {
  try {
    database.write(() => dropLease(database, id));
  } catch {
    overdue.add(id);
  }
}

function dropLease(database: Database, id: string): void {
  dropRefs(database, "lease", id);
  database.run("delete from leases where id = ?", id);
}

/** Ends the leases of processes that are gone, and overdue ones of this; gives their ids. */
export function dropDeadLeases(database: Database): string[] {
  const rows = database.all<{ id: string; owner: string; created_at: number }>(
    "select id, owner, created_at from leases",
  );
  const dead = rows.filter(
    (row) => overdue.has(row.id) || isOwnerDead(row.owner, Date.now() - row.created_at),
  );
  if (dead.length > 0)
    database.write(() => {
      for (const { id } of dead) dropLease(database, id);
    });
  return dead.map(({ id }) => id);
}
