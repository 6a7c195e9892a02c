import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { bindMount, enterContainerNamespace, type Mount, runStep } from "../../container/index.ts";
import { StrakeError } from "../../errors/index.ts";
import {
  LayerWriter,
  resolveUser,
  selectSnapshotter,
  Tree,
  withoutUnchanged,
  writeDiff,
} from "../../layer/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { Scratch } from "../../store/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { failureHint } from "../run/failure-hint.ts";
import { bundleVariables, hostBundle, lentBundlePath } from "../run/host-ca.ts";
import { OutputTail } from "../run/output-tail.ts";
import { layersOf, type Session } from "./session.ts";

export interface Run {
  readonly args: readonly string[];
  readonly script?: string;
  readonly network: "default" | "none" | "host";
  readonly environment: Readonly<Record<string, string>>;
  readonly log: (stream: "stdout" | "stderr", data: Uint8Array) => void;
}

/** Runs the command on the stage's files and stores what it changed as a layer. Throws BUILD_RUN_FAILED. */
export async function runToLayer(session: Session, state: StageState, run: Run): Promise<Digest> {
  using scratch = session.store.scratch();
  return await runIn(scratch, session, state, run);
}

/** Mounts, runs, unmounts, and turns what was written into a layer. Whatever happens nothing stays mounted. */
async function runIn(scratch: Scratch, session: Session, state: StageState, run: Run): Promise<Digest> {
  const { store, lease, signal } = session;
  const snapshotter = selectSnapshotter({ root: store.root });
  if (snapshotter.mounts) enterContainerNamespace();
  const layers = layersOf(session, state.layers);
  const workspace = `${scratch.path}/workspace`;
  const target = `${scratch.path}/rootfs`;
  mkdirSync(workspace, { mode: 0o700 });
  mkdirSync(target, { mode: 0o755 });
  try {
    const mount = await snapshotter.mount({ workspace, layers, target, volatile: true, signal });
    try {
      await runCommand(mount.rootfs, scratch, session, { state, run });
    } finally {
      mount.unmount();
    }
    const writer = new LayerWriter(store.layers.begin(lease));
    try {
      using below = Tree.open(layers);
      const changes = withoutUnchanged(snapshotter.diff({ workspace, layers }, { signal }), below);
      await writeDiff(writer, changes, { signal });
      return (await writer.commit()).diffID;
    } catch (error) {
      writer.abort();
      throw error;
    }
  } finally {
    snapshotter.discard(workspace);
  }
}

async function runCommand(
  rootfs: string,
  scratch: Scratch,
  session: Session,
  { state, run }: { state: StageState; run: Run },
): Promise<void> {
  using tree = Tree.open(layersOf(session, state.layers));
  const { uid, gid, groups, home } = resolveUser(tree, state.config.User ?? "");
  const { mounts, environment } = lend(scratch, session, run);
  const tail = new OutputTail();
  const { status } = await runStep({
    runRoot: session.store.runRoot,
    rootfs,
    args: run.args,
    env: Object.entries({ HOME: home, ...environment }).map(([name, value]) => `${name}=${value}`),
    cwd: state.config.WorkingDir || "/",
    user: { uid, gid, additionalGids: groups },
    network: run.network,
    mounts,
    onOutput: (stream, data) => {
      tail.add(data);
      run.log(stream, data);
    },
    signal: session.signal,
  });
  if (status !== 0) throw failed(run, status, tail);
}

/** What is there for the run only: the script of a heredoc, the host's certificate authorities. */
function lend(
  scratch: Scratch,
  session: Session,
  run: Run,
): { mounts: Mount[]; environment: Record<string, string> } {
  const mounts: Mount[] = [];
  const environment = { ...run.environment };
  if (run.script !== undefined) {
    const path = `${scratch.path}/script`;
    writeFileSync(path, run.script);
    // Whatever the caller's umask: the user of the step has to read it.
    chmodSync(path, 0o755);
    mounts.push(bindMount(path, run.args[0]!, { readonly: true }));
  }
  const { hostCA, environment: calling } = session.options;
  const bundle = hostBundle(hostCA, calling);
  if (bundle !== undefined) {
    mounts.push(bindMount(bundle, lentBundlePath, { readonly: true }));
    // What the Dockerfile says about certificates stands.
    for (const name of bundleVariables) environment[name] ??= lentBundlePath;
  }
  return { mounts, environment };
}

function failed({ args, network }: Run, status: number, tail: OutputTail): StrakeError {
  const command = args.join(" ");
  const shown = command.length > 200 ? `${command.slice(0, 200)}...` : command;
  const lines = tail.lines();
  const output = lines.length > 0 ? `\nits last output:\n${lines.map((line) => `  ${line}`).join("\n")}` : "";
  return new StrakeError(
    "BUILD_RUN_FAILED",
    `the command ${JSON.stringify(shown)} ended with exit code ${status}${output}`,
    { hint: failureHint({ args, status, output: tail.text, network }) },
  );
}
