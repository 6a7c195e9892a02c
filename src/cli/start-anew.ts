import { execve } from "../sys/index.ts";

/**
 * Starts this program anew, in the same process, with a variable that what lies under it reads before the first line of ours runs; neither the
 * executable nor the running program can set it. To be called before anything is opened; returns where it is not worth it or there is no way.
 */
export function startAnew(variable: string, value: string, isWorthIt: () => boolean): void {
  if (process.env[variable] !== undefined) {
    // What is started from here is not of our kind.
    delete process.env[variable];
    return;
  }
  // Under `bun src/cli/main.ts` the words in front of ours are Bun's.
  if (process.platform !== "linux" || !process.argv[1]?.startsWith("/$bunfs/")) return;
  if (!isWorthIt()) return;
  try {
    execve(process.execPath, ["strake", ...process.argv.slice(2)], { ...process.env, [variable]: value });
  } catch {
    // An executable that was replaced or may not be run again: it does without.
  }
}
