import { lstatSync, readdirSync, readFileSync } from "node:fs";

/**
 * What is left in the machine of work on a data root: processes that have `home` or one of `words` in their arguments or environment, and
 * mounts below `home` in the mount namespace of any process. One line each.
 */
export function tracesOf(home: string, words: readonly string[] = []): string[] {
  const found = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const args = textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
    const isOurs = [home, ...words].some((word) => args.includes(word));
    if (isOurs || textOf(`/proc/${pid}/environ`).includes(home)) found.add(`process ${pid}: ${args}`);
    for (const line of textOf(`/proc/${pid}/mountinfo`).split("\n"))
      if (line.split(" ")[4]?.startsWith(`${home}/`)) found.add(`mount seen by ${pid}: ${line}`);
  }
  return [...found];
}

/** The traces that do not go away by themselves: those who end a killed builder's work need a moment. */
export async function lastingTraces(home: string, words: readonly string[] = []): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const traces = tracesOf(home, words);
    if (traces.length === 0 || tries === 100) return traces;
    await Bun.sleep(100);
  }
}

/** What a command printed of a file or folder of the host must not change: inode, mode, owner, size, times. */
export function stampOf(path: string): string {
  const { ino, mode, uid, gid, size, mtimeMs, ctimeMs } = lstatSync(path);
  return [ino, mode, uid, gid, size, mtimeMs, ctimeMs].join(" ");
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
