import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { ChildPipe, withUsualUmask } from "../../sys/index.ts";
import { toolEnvironment } from "../runtime/command.ts";
import { startFailure } from "../runtime/failure.ts";
import { findProgram, type Runtime } from "../runtime/runtime.ts";
import { leaveStartersGroup } from "./monitor-group.ts";
import type { ContainerPaths } from "./paths.ts";

export interface MonitorOptions {
  readonly id: string;
  readonly name: string;
  readonly program: string;
  readonly paths: ContainerPaths;
  readonly runtime: Runtime;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Bytes after which the log starts anew; a log that grows without end fills the disk. */
  readonly logSizeMax: number;
  /** Run by the monitor when the container is over, whoever is left of us by then. */
  readonly exitCommand: readonly string[];
  /** Nobody waits for the container: whoever starts it may end, and his control group with him. */
  readonly detached: boolean;
  /** For the exit command. */
  readonly env: Readonly<Record<string, string>>;
}

/** 10 MiB. */
export const defaultLogSize = 10 * 1024 * 1024;

/** The arguments of conmon(8) for a container. Pure. */
export function monitorArgs(options: MonitorOptions): string[] {
  const { id, paths, runtime } = options;
  const args = [
    ["--api-version", "1"],
    ["--cid", id, "--cuuid", id, "--name", options.name],
    ["--runtime", runtime.path],
    runtime.globalArgs.flatMap((arg) => ["--runtime-arg", arg]),
    ["--bundle", paths.run, "--full-attach"],
    ["--container-pidfile", paths.pidFile, "--conmon-pidfile", paths.monitorPidFile],
    ["--exit-dir", paths.exitFolder, "--persist-dir", paths.run],
    ["--log-path", `k8s-file:${paths.log}`, "--log-size-max", String(options.logSizeMax)],
    ["--log-level", "error", "--no-sync-log"],
  ].flat();
  // Who leaves a terminal does not end its input: the next who attaches goes on typing.
  if (options.terminal) args.push("--terminal", "--leave-stdin-open");
  if (options.stdin) args.push("--stdin");
  const [command, ...rest] = options.exitCommand;
  if (command !== undefined) {
    args.push("--exit-command", command);
    for (const arg of rest) args.push("--exit-command-arg", arg);
  }
  return args;
}

/**
 * Starts the monitor, which makes (but does not start) the container of the bundle, and gives the pid of its first process. The bundle's
 * config.json may be promised: what comes before it is read takes 6 ms. The monitor is nobody's child afterwards and outlives us. The caller's
 * mount namespace has to be entered before. Errors: CONTAINER_TOOL_MISSING and as `startFailure`.
 */
export async function createUnderMonitor(options: MonitorOptions): Promise<number> {
  const conmon = findProgram("conmon");
  if (conmon === undefined)
    throw new StrakeError("CONTAINER_TOOL_MISSING", "conmon is not installed", {
      hint: "apt-get install conmon",
      exitCode: 125,
    });
  mkdirSync(options.paths.exitFolder, { recursive: true, mode: 0o700 });
  // With systemd the others too: what a service leaves to its monitor at its end, telling the runtime, would be killed with it.
  // conmon forks only once it has read something there: it is moved before, and with all its children.
  const leaves = options.detached || existsSync("/run/systemd/system");
  using start = leaves ? new ChildPipe("input") : undefined;
  const child = withUsualUmask(() =>
    Bun.spawn([conmon, ...monitorArgs(options)], {
      stdio: ["ignore", "ignore", "pipe", "pipe", ...(start ? [start.childEnd] : [])],
      env: {
        ...toolEnvironment(),
        ...options.env,
        _OCI_SYNCPIPE: "3",
        ...(start ? { _OCI_STARTPIPE: "4" } : {}),
      },
      cwd: "/",
    }),
  );
  if (start) {
    start.passed();
    await leaveStartersGroup(child.pid);
    // One that has failed by now says why on the other pipe.
    await start.write(new Uint8Array(1)).catch(() => {});
  }
  const { data, message } = parseReport(await firstLine(child.stdio[3] as unknown as number));
  if (data > 0) return data;
  const said = message || (await new Response(child.stderr as ReadableStream).text());
  throw startFailure(options.program, said);
}

/** What conmon writes on its sync pipe: `{"data": PID}`, or a negative number and the runtime's words. */
export function parseReport(line: string): { data: number; message: string } {
  try {
    const value = JSON.parse(line) as { data?: unknown; message?: unknown };
    return {
      data: typeof value.data === "number" ? value.data : -1,
      message: typeof value.message === "string" ? value.message : "",
    };
  } catch {
    return { data: -1, message: "" };
  }
}

/** Pid of the monitor itself; undefined while it has not written it. */
export function monitorPid(paths: ContainerPaths): number | undefined {
  try {
    const pid = Number(readFileSync(paths.monitorPidFile, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a descriptor up to its first newline or its end, then closes it. */
function firstLine(fd: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const options = {
      fd,
      socket: {
        data(socket: { terminate(): void }, data: Uint8Array) {
          text += Buffer.from(data).toString();
          if (!text.includes("\n")) return;
          resolve(text);
          socket.terminate();
        },
        close: () => resolve(text),
        error: (_: unknown, error: Error) => reject(error),
      },
    };
    Bun.connect(options as unknown as Parameters<typeof Bun.connect>[0]).catch(reject);
  });
}
