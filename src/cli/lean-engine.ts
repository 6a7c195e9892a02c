import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { execve } from "../sys/index.ts";

/** From this many names on a context is worth 4 ms. */
const manyNames = 2000;
/** Bytes of a folder itself that hold many names on every file system. */
const largeFolder = 1 << 20;
/** Read by JavaScriptCore before the first line of ours runs; neither the executable nor the running program can set it. */
const option = "BUN_JSC_useFTLJIT";

/**
 * Starts this program anew, in the same process, without JavaScriptCore's third compiler when the context has many files:
 * over 20,000 files that compiler takes a fifth of the processor time and 6 MiB, and the build ends before it pays back
 * (docs/decisions/0013). To be called before anything is opened; returns where there is nothing to gain or no way.
 */
export function preferLeanEngine(context: string): void {
  if (process.env[option] !== undefined) {
    // What is started from here is not of our kind.
    delete process.env[option];
    return;
  }
  // Under `bun src/cli/main.ts` the words in front of ours are Bun's.
  if (process.platform !== "linux" || !process.argv[1]?.startsWith("/$bunfs/")) return;
  if (!hasManyNames(context)) return;
  try {
    execve(process.execPath, ["strake", ...process.argv.slice(2)], { ...process.env, [option]: "0" });
  } catch {
    // An executable that was replaced or may not be run again: the build only takes longer.
  }
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
