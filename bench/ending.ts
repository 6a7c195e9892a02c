import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** Milliseconds that a server has to end by itself: dockerd stops containers and unmounts. */
const patience = 10_000;

/** statfs(2). */
const tmpfsMagic = 0x01021994;

/** Milliseconds in which a signal is taken for the one before. */
const sameSignal = 2000;

const works: (() => void | Promise<void>)[] = [];
const folders: string[] = [];
let ending: Promise<void> | undefined;
let isStopped = false;

/** Does `work` when the benchmark ends, however it does: by itself, by an error, by Ctrl-C or by `timeout`. What was said last is done first. */
export function atTheEnd(work: () => void | Promise<void>): void {
  works.push(work);
}

/** A folder that is gone at the end, with what is mounted in it. */
export function scratch(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), name));
  folders.push(folder);
  return folder;
}

/**
 * A folder for what goes with the next start of the machine, in memory as /run is where systemd has set it up. On disk it would be measured how
 * long ext4 looks for the number of a new file past those that were deleted in the last minutes (a quarter of a container's start here).
 */
export function runScratch(name: string): string {
  const folder = scratch(name);
  if (statfsSync(folder).type !== tmpfsMagic) {
    const { success } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "mode=0711", "strake-bench", folder]);
    if (!success) console.error(`${folder} is on disk: no tmpfs could be mounted there`);
  }
  return folder;
}

/** Ends what was started. The second caller waits for the first. */
export function end(): Promise<void> {
  ending ??= clean();
  return ending;
}

/**
 * Lets a signal be heard: while a command is waited for, as measuring does, nobody listens. Who asks after one does not go on. Not to be called between
 * the begin and the end of what is measured.
 */
export async function breath(): Promise<void> {
  await Bun.sleep(1);
  if (isStopped) await new Promise(() => {});
}

/** From now on a signal ends what was started, and then the benchmark. A second one ends it at once. */
export function listen(): void {
  let first: number | undefined;
  for (const [name, number] of Object.entries(signals))
    process.on(name, () => {
      first ??= Date.now();
      // timeout(1) signals its child, and then the group that this is in.
      if (isStopped && Date.now() - first < sameSignal) return;
      if (isStopped) process.exit(128 + number);
      isStopped = true;
      console.error(`${name}: ending what was started`);
      void end().finally(() => process.exit(128 + number));
    });
}

async function clean(): Promise<void> {
  for (const work of works.reverse())
    try {
      await work();
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
    }
  await endChildren();
  for (const folder of folders) {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * All that this process started and that they started, known before any of them ends and loses its parent. First its own children, which end theirs in good
 * order or leave them behind; then those.
 */
async function endChildren(): Promise<void> {
  const begun = descendants(process.pid).map((pid) => ({ pid, start: startOf(pid), parent: parentOf(pid) }));
  const alive = begun.filter(({ start }) => start !== undefined);
  const own = alive.filter(({ parent }) => parent === process.pid);
  await endAll(own, patience);
  await endAll(alive, 1000);
}

async function endAll(
  processes: readonly { readonly pid: number; readonly start: string | undefined }[],
  ms: number,
): Promise<void> {
  const left = () => processes.filter(({ pid, start }) => startOf(pid) === start);
  for (const { pid } of left()) signal(pid, "SIGTERM");
  for (const until = Date.now() + ms; left().length > 0 && Date.now() < until; ) await Bun.sleep(20);
  for (const { pid } of left()) signal(pid, "SIGKILL");
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It was faster.
  }
}

function descendants(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  const below = (above: number): number[] =>
    parents.filter(([, parent]) => parent === above).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

/** Fields of /proc/PID/stat after the name, which may hold anything. */
function fields(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

const parentOf = (pid: number): number => Number(fields(pid)[1]);
/** When a process began, which with its id is its own; undefined for one that is gone, or waits to be. */
const startOf = (pid: number): string | undefined => (fields(pid)[0] === "Z" ? undefined : fields(pid)[19]);

/** The deepest first. dockerd leaves the mount of its network namespaces; containers/storage mounts its folder on itself. */
function unmountBelow(folder: string): void {
  const points = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point === folder || point.startsWith(`${folder}/`));
  for (const point of points.reverse()) Bun.spawnSync(["umount", "-l", point], { stderr: "ignore" });
}
