/** One timed run of a command: wall and processor milliseconds and the child's peak resident set in MiB. */
export interface Sample {
  readonly wallMs: number;
  /** In user and kernel mode. What others on the machine do changes it less than the wall's time. */
  readonly cpuMs: number;
  readonly peakMiB: number;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Runs a command to its end; throws with its stderr when it fails, because a failed run has no time. */
export function timed(command: readonly string[], options: RunOptions = {}): Sample {
  const start = Bun.nanoseconds();
  const result = Bun.spawnSync([...command], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const wallMs = (Bun.nanoseconds() - start) / 1e6;
  if (!result.success) {
    throw new Error(
      `${command.join(" ")} exited with ${result.exitCode}\n${result.stderr.toString().slice(-2000)}`,
    );
  }
  const cpuMs = Number(result.resourceUsage?.cpuTime.total ?? 0) / 1000;
  return { wallMs, cpuMs, peakMiB: (result.resourceUsage?.maxRSS ?? 0) / (1024 * 1024) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
