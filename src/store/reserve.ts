import { existsSync, rmSync, writeFileSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import type { Layout } from "./layout.ts";

const reserveSize = 1 << 20;

/** Sets aside the space again that a collection may need. A disk without that much left is left alone. */
export function keepReserve({ reserve }: Layout): void {
  if (existsSync(reserve)) return;
  try {
    // Real bytes: a file with a hole would reserve nothing.
    writeFileSync(reserve, Buffer.alloc(reserveSize, 0xff), { mode: 0o600 });
  } catch {
    rmSync(reserve, { force: true });
  }
}

/**
 * Runs `work`; when the disk is full, once more with the reserve given up. Opening the database needs some space, and deleting rows
 * appends to the WAL first, so without it a full disk could never be emptied.
 */
export function withReserve<T>({ reserve }: Layout, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StrakeError && error.code === "STORE_FULL") || !existsSync(reserve)) throw error;
    rmSync(reserve, { force: true });
    return work();
  }
}
