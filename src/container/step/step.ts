import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import {
  ChildPipe,
  processStartTime,
  randomHex,
  readyControlGroups,
  withUsualUmask,
} from "../../sys/index.ts";
import { checkSystemFolders, resolveMounts, workingDirectory } from "../rootfs/resolve.ts";
import { watchStubs } from "../rootfs/stubs.ts";
import { toolEnvironment } from "../runtime/command.ts";
import { controlGroupOf } from "../runtime/control-group.ts";
import { isRuntimeComplaint, startFailure } from "../runtime/failure.ts";
import { enterContainerNamespace, hostFacts, sealRuntime } from "../runtime/host.ts";
import { Runtime } from "../runtime/runtime.ts";
import { withCompiledSeccomp } from "../runtime/seccomp-cache.ts";
import type { CapabilityChoice } from "../spec/capabilities.ts";
import { bindMount } from "../spec/mounts.ts";
import { runtimeSpec } from "../spec/spec.ts";
import type { Mount, ProcessUser } from "../spec/types.ts";
import { keepStep } from "./keeper.ts";
import { openStepNetwork, type StepNetwork } from "./network.ts";

export interface StepOptions {
  /** $STRAKE_RUNROOT. */
  readonly runRoot: string;
  /** A mounted root file system, writable. Mount it after `enterContainerNamespace()`. */
  readonly rootfs: string;
  readonly args: readonly string[];
  /** Complete, `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ProcessUser;
  /** `default`: a network of its own behind the bridge where that can be made, else the host's. */
  readonly network: StepNetwork;
  readonly mounts?: readonly Mount[];
  readonly hostname?: string;
  /** Lines for /etc/hosts: `name` -> address. */
  readonly extraHosts?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Called in order for each stream; the process is held back while a returned promise is pending. */
  readonly onOutput?: (stream: "stdout" | "stderr", data: Uint8Array) => void | Promise<void>;
  readonly signal?: AbortSignal;
  readonly capabilities?: CapabilityChoice;
  readonly runtime?: Runtime;
  /** Bytes of /dev/shm. */
  readonly shmSize?: number;
}

export interface StepResult {
  /** 0..255; 128 + n when killed by signal n. */
  readonly status: number;
}

/**
 * Runs one process to its end in a root file system, without a monitor: if we die, a keeper ends it, and the next command's
 * `reconcileSteps` sweeps up. When it is over (or aborted) every process of it is dead. Mount points that had to be made in the root
 * are removed again. Errors: CONTAINER_COMMAND_NOT_FOUND, CONTAINER_COMMAND_NOT_EXECUTABLE, CONTAINER_START_FAILED,
 * CONTAINER_PATH_INVALID, CANCELED. A status other than 0 is a result, not an error.
 */
export async function runStep(options: StepOptions): Promise<StepResult> {
  throwIfAborted(options.signal);
  if (options.args.length === 0)
    throw new StrakeError("CONTAINER_START_FAILED", "there is no command to run");
  readyControlGroups();
  enterContainerNamespace();
  const runtime = options.runtime ?? Runtime.find({ runRoot: options.runRoot });
  sealRuntime(runtime.path);
  const id = `step-${randomHex(8)}`;
  const bundle = `${options.runRoot}/steps/${id}`;
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  const owner = { pid: process.pid, startTime: processStartTime(process.pid), runtime: runtime.path };
  writeFileSync(`${bundle}/owner.json`, JSON.stringify(owner));
  const network = await openStepNetwork({ ...options, kind: options.network, id, bundle });
  try {
    checkSystemFolders(options.rootfs);
    const cwd = workingDirectory(options.rootfs, options.cwd);
    const mounts = resolveMounts(options.rootfs, [
      // Read-only, as BuildKit has them: what a step wrote there would be lost without a word.
      ...network.files.map((file) => bindMount(file.source, file.destination, { readonly: true })),
      ...(options.mounts ?? []),
    ]);
    const spec = runtimeSpec(
      {
        rootfs: options.rootfs,
        args: options.args,
        env: options.env,
        cwd,
        user: options.user,
        hostname: network.hostname,
        network: network.namespace,
        mounts,
        cgroupsPath: controlGroupOf(id),
        ...(options.shmSize === undefined ? {} : { shmSize: options.shmSize }),
        ...(options.capabilities ? { capabilities: options.capabilities } : {}),
      },
      hostFacts(),
    );
    writeFileSync(
      `${bundle}/config.json`,
      JSON.stringify(withCompiledSeccomp(spec, runtime, options.runRoot)),
    );
    const stubs = watchStubs(
      options.rootfs,
      spec.mounts.map((mount) => mount.destination),
    );
    readyControlGroups();
    try {
      return await execute(runtime, { id, bundle, options });
    } finally {
      stubs.remove();
    }
  } finally {
    await network.close();
    rmSync(bundle, { recursive: true, force: true });
  }
}

interface Execution {
  readonly id: string;
  readonly bundle: string;
  readonly options: StepOptions;
}

async function execute(runtime: Runtime, { id, bundle, options }: Execution): Promise<StepResult> {
  const pidFile = `${bundle}/pid`;
  const runtimeLog = `${bundle}/runtime.log`;
  const keeper = keepStep(runtime, id);
  using stdout = new ChildPipe("output");
  using stderr = new ChildPipe("output");
  const command = runtime.command("--log", runtimeLog, "run", "--bundle", bundle, "--pid-file", pidFile, id);
  const child = withUsualUmask(() =>
    Bun.spawn(command, {
      stdin: options.stdin ?? "ignore",
      stdout: stdout.childEnd,
      stderr: stderr.childEnd,
      env: toolEnvironment(),
      cwd: "/",
    }),
  );
  stdout.passed();
  stderr.passed();
  const abort = () => void killUntilGone(runtime, id, child.exited);
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted) abort();
  const consume = options.onOutput ?? (() => {});
  let held: Uint8Array | undefined;
  try {
    const [status] = await Promise.all([
      child.exited,
      deliver(stdout.stream(), (data) => consume("stdout", data)),
      deliver(stderr.stream(), async (data) => {
        // The command is killed: what comes now is the runtime's, which misses its files.
        if (options.signal?.aborted) return;
        const before = held;
        held = undefined;
        if (before) await consume("stderr", before);
        else if (isRuntimeComplaint(Buffer.from(data).toString())) held = data;
        if (held === undefined) await consume("stderr", data);
      }),
    ]);
    throwIfAborted(options.signal);
    // The runtimes log what they could not do; a program's own status leaves the log empty.
    const said = readFileOr(runtimeLog, "");
    const complaint = held === undefined ? "" : Buffer.from(held).toString();
    if (status !== 0 && (isFatal(said) || complaint !== ""))
      throw startFailure(options.args[0]!, said || complaint);
    if (held) await consume("stderr", held);
    return { status };
  } catch (error) {
    await killUntilGone(runtime, id, child.exited);
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", abort);
    keeper.dismiss();
  }
}

/** Warnings do not stop a runtime; anything else it logs does. */
function isFatal(log: string): boolean {
  return log
    .split("\n")
    .some((line) => line.trim() !== "" && !/level=(warning|debug|info)|warning/i.test(line));
}

function readFileOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

async function deliver(
  stream: ReadableStream<Uint8Array>,
  consume: (data: Uint8Array) => void | Promise<void>,
): Promise<void> {
  for await (const data of stream) {
    const pending = consume(data);
    if (pending) await pending;
  }
}

/** Killing the first process ends all others of its pid namespace. Repeated: an abort may come before the container exists. */
async function killUntilGone(runtime: Runtime, id: string, gone: Promise<unknown>): Promise<void> {
  let over = false;
  void gone.then(() => {
    over = true;
  });
  do {
    await runtime.delete(id);
    await Promise.race([gone, Bun.sleep(20)]);
  } while (!over);
  await runtime.delete(id);
}
