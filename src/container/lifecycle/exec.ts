import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { isatty } from "node:tty";
import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import { splitVariable } from "../../oci/index.ts";
import { randomHex } from "../../sys/index.ts";
import type { OutputStream } from "../monitor/attach.ts";
import { writeToOwnOutput } from "../monitor/interact.ts";
import { containerPaths } from "../monitor/paths.ts";
import { readInRoot } from "../rootfs/read.ts";
import { isRuntimeComplaint, lastMessage, startFailure } from "../runtime/failure.ts";
import { enterContainerNamespace, hostFacts, sealRuntime } from "../runtime/host.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { terminalRest } from "../runtime/terminal-rest.ts";
import { capabilitySets, grantable, resolveCapabilities } from "../spec/capabilities.ts";
import { checkVariables, withHome } from "../spec/environment.ts";
import type { Process, RuntimeSpec } from "../spec/types.ts";
import { spawnExec, terminalSize } from "./exec-streams.ts";
import type { ContainerRecord, ResolveUser } from "./record.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import type { RunningState } from "./state.ts";

export interface ExecOptions {
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly terminal?: boolean;
  readonly privileged?: boolean;
  /** Starts the process and does not wait for it; its output goes nowhere. */
  readonly detach?: boolean;
  /**
   * `inherit`: input and output are those of this process, and with `terminal` the runtime drives our terminal. Else output comes through
   * `onOutput`, and stdin is `stdin` or empty.
   */
  readonly stdio?: "inherit";
  /** With `inherit`: false gives the process an empty stdin. */
  readonly openStdin?: boolean;
  readonly stdin?: ReadableStream<Uint8Array> | Uint8Array;
  readonly onOutput?: (stream: OutputStream, data: Uint8Array) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

const optionKinds: OptionKinds<ExecOptions> = {
  ...{ args: "strings", env: "strings?", workingDir: "string?", user: "string?", terminal: "boolean?" },
  ...{ privileged: "boolean?", detach: "boolean?", stdio: { oneOf: ["inherit"] }, openStdin: "boolean?" },
  ...{ stdin: "object?", onOutput: "function?", signal: "signal?" },
};

/**
 * Runs another process in a running container and gives its exit code (0 at once when detached). Errors: CONTAINER_STATE,
 * CONTAINER_COMMAND_NOT_FOUND (127), CONTAINER_COMMAND_NOT_EXECUTABLE (126).
 */
export async function execInContainer(
  services: ContainerServices,
  id: string,
  options: ExecOptions,
): Promise<number> {
  checkOptions("exec", options, optionKinds);
  const record = refresh(services, id);
  const { state } = record;
  if (state.status !== "running")
    throw new StrakeError("CONTAINER_STATE", `the container ${record.name} is not running`, {
      hint: `Start it with \`strake start ${record.name}\`.`,
    });
  if (options.args.length === 0)
    throw new StrakeError("CONTAINER_OPTIONS_INVALID", "there is no command to run");
  enterContainerNamespace();
  const runtime = services.runtime().makerOf(id);
  sealRuntime(runtime.path);
  const paths = containerPaths(services.root, services.runRoot, id);
  const mark = `${paths.run}/exec-${randomHex(6)}`;
  const spec = JSON.parse(readFileSync(`${paths.run}/config.json`, "utf8")) as RuntimeSpec;
  writeFileSync(`${mark}.json`, JSON.stringify(execProcess(services, record, state, { spec, options })));
  try {
    return await execute(runtime, id, { mark, options });
  } finally {
    for (const suffix of ["json", "log"]) rmSync(`${mark}.${suffix}`, { force: true });
  }
}

/** The process as the runtime takes it: the container's own with what the options change. */
function execProcess(
  services: ContainerServices,
  record: ContainerRecord,
  state: RunningState,
  { spec, options }: { spec: RuntimeSpec; options: ExecOptions },
): Process {
  const { user, home } = userOf(services, options.user ?? record.user, state.pid);
  const bounding = options.privileged
    ? grantable(resolveCapabilities({ privileged: true }), hostFacts().boundingMask)
    : spec.process.capabilities.bounding;
  checkVariables(options.env ?? []);
  const env = new Map(spec.process.env.map(splitVariable));
  // Another user, another home, unless it was said what it is.
  if (!record.env.some((entry) => entry.startsWith("HOME="))) env.delete("HOME");
  if (options.terminal) env.set("TERM", "xterm");
  for (const entry of options.env ?? []) {
    const [name, value] = splitVariable(entry);
    const inherited = entry.includes("=") ? value : process.env[name];
    if (inherited === undefined) env.delete(name);
    else env.set(name, inherited);
  }
  const { columns, rows } = terminalSize(options.stdio === "inherit");
  return {
    terminal: options.terminal === true,
    // runc gives it to the terminal before the process sees it; crun hands the size of its own on, while the process runs already.
    ...(options.terminal ? { consoleSize: { width: columns, height: rows } } : {}),
    user,
    args: options.args,
    env: withHome(
      [...env].map(([name, value]) => `${name}=${value}`),
      home,
    ),
    cwd: execFolder(options.workingDir ?? spec.process.cwd),
    capabilities: capabilitySets(bounding, user.uid),
    noNewPrivileges: spec.process.noNewPrivileges,
  };
}

function userOf(services: ContainerServices, user: string, pid: number): ReturnType<ResolveUser> {
  try {
    return services.resolveUser(user, (path) => readInRoot(`/proc/${pid}/root`, path));
  } catch (error) {
    if (!(error instanceof StrakeError)) throw error;
    throw new StrakeError(error.code, error.message, { hint: error.hint, exitCode: 126 });
  }
}

/** As `workingDirectory`, for a container that runs: only the written path can be looked at (CVE-2024-21626). */
function execFolder(cwd: string): string {
  if (cwd.startsWith("/") && !/^\/+proc(\/|$)/.test(cwd.replace(/\/\.(?=\/|$)/g, "")) && !cwd.includes("/.."))
    return cwd;
  throw new StrakeError("CONTAINER_PATH_INVALID", `"${cwd}" cannot be a working directory`, {
    exitCode: 125,
  });
}

async function execute(
  runtime: Runtime,
  id: string,
  { mark, options }: { mark: string; options: ExecOptions },
): Promise<number> {
  const command = runtime.command("--log", `${mark}.log`, "exec", "--process", `${mark}.json`);
  if (options.detach) command.push("--detach");
  if (options.terminal) command.push("--tty");
  command.push(id);
  const inherit = options.stdio === "inherit" && !options.detach;
  const consume = inherit
    ? options.terminal
      ? printFromTerminal
      : writeToOwnOutput
    : (options.onOutput ?? (() => {}));
  const { status, complaint } = await spawnExec(command, {
    ours: inherit,
    terminal: options.terminal === true && !options.detach,
    bareLines: runtime.name === "runc",
    openStdin: options.openStdin === true,
    stdin: options.detach ? undefined : options.stdin,
    discard: options.detach === true,
    consume,
    signal: options.signal,
  });
  const log = readFileOr(`${mark}.log`);
  const said = log.toString().trim();
  if (status !== 0 && isRuntimeComplaint(lastMessage(said))) throw startFailure(options.args[0]!, said);
  // What only looked like a complaint was the program's.
  if (complaint) await consume(complaint.stream, complaint.data);
  if (options.terminal && !options.detach && runtime.name === "crun" && log.length > 0)
    await consume("stdout", terminalRest(log));
  return status;
}

/** Our own terminal is not raw any more and ends lines itself. */
function printFromTerminal(stream: OutputStream, data: Uint8Array): void | Promise<void> {
  if (!isatty(1)) return writeToOwnOutput(stream, data);
  return writeToOwnOutput(
    stream,
    Buffer.from(Buffer.from(data).toString("latin1").replaceAll("\r\n", "\n"), "latin1"),
  );
}

function readFileOr(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
