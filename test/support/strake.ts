import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userEnv } from "./user-env.ts";

/** How strake is started: the executable that scripts/test built, else the source. */
export const program: readonly string[] = process.env.STRAKE_BIN
  ? [process.env.STRAKE_BIN]
  : [process.execPath, join(import.meta.dir, "..", "..", "src", "cli", "main.ts")];

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** strake as a whole process over a data root of its own, for a user who set nothing. */
export interface Strake {
  readonly home: string;
  readonly env: Record<string, string | undefined>;
  /** The words that start it. */
  readonly program: readonly string[];
  /** Runs to the end, whatever the exit code. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Runs and gives stdout; throws with everything it said when the exit code is not 0. */
  ok(...args: string[]): Promise<string>;
  spawn(args: readonly string[]): ReturnType<typeof Bun.spawn>;
  /** Ends all containers and removes the data root. */
  remove(): Promise<void>;
}

export function makeStrake(): Strake {
  const home = mkdtempSync(join(tmpdir(), "strake-e2e-"));
  const roots = { STRAKE_ROOT: join(home, "root"), STRAKE_RUNROOT: join(home, "run") };
  const env: Strake["env"] = { ...process.env, ...userEnv(home), ...roots };
  const spawn = (args: readonly string[], options: RunOptions = {}) =>
    Bun.spawn([...program, ...args], {
      stdin: options.stdin ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
      cwd: options.cwd ?? home,
      env: { ...env, ...options.env },
    });
  const run = (args: readonly string[], options?: RunOptions) => outcomeOf(spawn(args, options));
  return {
    home,
    env,
    program,
    run,
    spawn,
    async ok(...args) {
      const { code, stdout, stderr } = await run(args);
      if (code !== 0) throw new Error(`strake ${args.join(" ")} ended with ${code}\n${stderr}\n${stdout}`);
      return stdout;
    },
    async remove() {
      const ids = (await run(["ps", "-aq", "--no-trunc"])).stdout.split("\n").filter(Boolean);
      if (ids.length > 0) await run(["rm", "-f", "-v", ...ids]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What a program says, and how it ends. */
export async function outcomeOf(child: Bun.Subprocess<Bun.Spawn.Writable, "pipe", "pipe">): Promise<Outcome> {
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

/** Why containers cannot be run here; undefined when they can. */
export function containerObstacle(): string | undefined {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "not root";
  if (Bun.which("crun") === null && Bun.which("runc") === null) return "neither crun nor runc is installed";
  if (Bun.which("conmon") === null) return "conmon is not installed";
  return Bun.which("busybox") === null ? "busybox-static is not installed" : undefined;
}

/** The page as soon as it answers. */
export async function fetchSoon(url: string, seconds = 30): Promise<Response> {
  for (const until = Date.now() + seconds * 1000; ; await Bun.sleep(25)) {
    try {
      return await fetch(url, { signal: AbortSignal.timeout(5000) });
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}
