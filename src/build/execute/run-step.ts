import type { CommandLine, RunInstruction } from "../../dockerfile/index.ts";
import { canonicalJSON, sha256 } from "../../oci/index.ts";
import { commandWords } from "../config/metadata.ts";
import type { StageState } from "../config/stage-state.ts";
import { chainOf, type StepInputs } from "../key/inputs.ts";
import { refuseUnsupported } from "../plan/unsupported.ts";
import { runEnvironment } from "../run/environment.ts";
import { lookUp, record } from "./cached.ts";
import type { StepOutcome } from "./copy-step.ts";
import type { Session } from "./session.ts";

export interface RunStepOptions {
  readonly log: (stream: "stdout" | "stderr", data: Uint8Array) => void;
}

/** Folder in which a heredoc with an interpreter line appears as a file, as BuildKit has it. */
const scriptFolder = "/dev/pipes";

/** RUN: look for the result of the same command on the same files, else run it and keep what it changed as a layer. */
export async function runStep(
  session: Session,
  state: StageState,
  instruction: RunInstruction,
  { log }: RunStepOptions,
): Promise<{ outcome: StepOutcome; args: readonly string[] }> {
  refuseUnsupported(instruction);
  const { args, script } = processOf(instruction.command, state);
  const { options, buildArgs } = session;
  const network = instruction.network === "default" ? (options.network ?? "default") : instruction.network;
  const host = options.hostProxy === false ? undefined : (options.environment ?? process.env);
  const { declared, lent } = runEnvironment({ variables: state.variables, buildArgs, host });
  const { User = "", WorkingDir = "" } = state.config;
  const inputs: StepInputs = {
    operation: "RUN 1",
    parent: chainOf(state.layers),
    command: args,
    ...(script !== undefined && { script }),
    environment: declared,
    user: User,
    workingDir: WorkingDir,
    network,
  };
  const cached = lookUp(session, inputs);
  if (cached) return { outcome: { layer: cached, cached: true }, args };
  // Loaded when needed: a cached build does without containers, mounts and libc.
  const { runToLayer } = await import("./run-process.ts");
  const run = { args, script, network, environment: { ...lent, ...declared }, log };
  const diffID = await session.slots.run(() => runToLayer(session, state, run));
  const place = sha256(canonicalJSON(["RUN", instruction.original]));
  return { outcome: { layer: record(session, inputs, diffID, { place }), cached: false }, args };
}

function processOf(command: CommandLine, state: StageState): { args: readonly string[]; script?: string } {
  if (command.form !== "heredoc" || !command.interpreter)
    return { args: commandWords(command, state.config) };
  return { args: [`${scriptFolder}/${command.name}`], script: command.script };
}
