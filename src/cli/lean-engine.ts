import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { startAnew } from "./start-anew.ts";

/** From this many names on a context is worth 4 ms. */
const manyNames = 2000;
/** Bytes of a folder itself that hold many names on every file system. */
const largeFolder = 1 << 20;

/**
 * Does without JavaScriptCore's third compiler when the context has many files: over 20,000 files it takes a fifth of the processor time and
 * 6 MiB, and the build ends before it pays back (docs/decisions/0013).
 */
export function preferLeanEngine(context: string): void {
  startAnew("BUN_JSC_useFTLJIT", "0", () => hasManyNames(context));
}

/** Counts no further than it must. */
function hasManyNames(folder: string): boolean {
  const ahead = [folder];
  for (let count = 0; ahead.length > 0; ) {
    const path = ahead.pop()!;
    try {
      // Counting a million names would take more memory than copying them.
      if (statSync(path).size >= largeFolder) return true;
      const entries = readdirSync(path, { withFileTypes: true });
      count += entries.length;
      if (count >= manyNames) return true;
      for (const entry of entries) if (entry.isDirectory()) ahead.push(join(path, entry.name));
    } catch {
      // The build will say what is wrong with it.
    }
  }
  return false;
}
