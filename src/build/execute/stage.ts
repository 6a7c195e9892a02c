import { expandInstruction, type StageInstruction } from "../../dockerfile/index.ts";
import { throwIfAborted } from "../../errors/index.ts";
import { type ImageConfig, normalizePlatform, parsePlatform } from "../../oci/index.ts";
import { emptyEntry, layerEntry, runText } from "../config/history.ts";
import { applyMetadata, isMetadata } from "../config/metadata.ts";
import { inheritState, initialState, type PendingHistory, type StageState } from "../config/stage-state.ts";
import type { Origin, PlannedInstruction, PlannedStage } from "../plan/plan.ts";
import { locate } from "../plan/source-error.ts";
import { copyStep, type LazySource, type StepOutcome } from "./copy-step.ts";
import { StepReporter } from "./report.ts";
import { runStep } from "./run-step.ts";
import type { Session } from "./session.ts";
import { workdirStep, workingDirectory } from "./workdir-step.ts";

/** What a stage needs from the rest of the build. */
export interface StageInputs {
  /** The end of another stage, which may still be running. */
  stage(index: number): Promise<StageState>;
  /** The configuration of a base image. */
  baseConfig(stage: PlannedStage): Promise<ImageConfig>;
  /** What `--from` names, finished. */
  source(origin: Origin): Promise<LazySource>;
}

/** Runs a stage's instructions in order and returns its last state. Errors name the instruction to blame. */
export async function runStage(
  session: Session,
  stage: PlannedStage,
  inputs: StageInputs,
): Promise<StageState> {
  const { text } = session.plan.dockerfile;
  const report = new StepReporter(session, stage);
  let state: StageState;
  try {
    state = await startState(session, { stage, inputs, report });
  } catch (error) {
    throw locate(error, { range: stage.from.range, text });
  }
  for (const planned of stage.instructions) {
    try {
      throwIfAborted(session.signal);
      state = await runInstruction(session, state, { planned, inputs, report });
    } catch (error) {
      throw locate(error, { range: planned.range, text });
    }
  }
  return state;
}

interface StageRun {
  readonly stage: PlannedStage;
  readonly inputs: StageInputs;
  readonly report: StepReporter;
}

async function startState(session: Session, { stage, inputs, report }: StageRun): Promise<StageState> {
  const { base, from } = stage;
  if (base.kind === "stage") return inheritState(await inputs.stage(base.index));
  if (base.kind === "scratch") {
    const { os, architecture, variant } =
      base.platform === undefined ? session.platform : normalizePlatform(parsePlatform(base.platform));
    return initialState({
      os,
      architecture,
      ...(variant !== undefined && { variant }),
      config: { WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [] },
    });
  }
  return report.step(`FROM ${from.image}`, from.range, async () => {
    const state = initialState(await inputs.baseConfig(stage));
    for (const diffID of state.layers) session.lease.add("layer", diffID);
    return { value: state, cached: true };
  });
}

interface InstructionRun {
  readonly planned: PlannedInstruction;
  readonly inputs: StageInputs;
  readonly report: StepReporter;
}

async function runInstruction(session: Session, state: StageState, run: InstructionRun): Promise<StageState> {
  const { planned, report } = run;
  const { directives, text } = session.plan.dockerfile;
  const { instruction } = expandInstruction(planned.instruction, state.variables, {
    escape: directives.escape,
    text,
  });
  if (isMetadata(instruction)) {
    const scope = { buildArgs: session.buildArgs, globals: session.plan.globals };
    return applyMetadata(state, instruction, scope);
  }
  const name = `${planned.onbuild ? "ONBUILD " : ""}${nameOf(instruction)}`;
  // Before the step begins: what another stage takes is not this step's time.
  if (planned.origin?.kind === "stage") await run.inputs.stage(planned.origin.index);
  return report.step(name, planned.range, (id) => makeLayer(session, state, { ...run, instruction, id }));
}

interface LayerRun extends InstructionRun {
  readonly instruction: StageInstruction;
  /** The step's name in events. */
  readonly id: string;
}

async function makeLayer(
  session: Session,
  state: StageState,
  { planned, instruction, inputs, report, id }: LayerRun,
): Promise<{ value: StageState; cached: boolean }> {
  switch (instruction.kind) {
    case "copy":
    case "add": {
      const source = planned.origin && (await inputs.source(planned.origin));
      const onProgress = report.progress(id, "files");
      const outcome = await copyStep(session, state, instruction, { source, onProgress });
      return finish(state, outcome, layerTexts.copy(instruction));
    }
    case "workdir": {
      const directory = workingDirectory(state, instruction.path);
      const outcome = await workdirStep(session, state, directory);
      const next = { ...state, config: { ...state.config, WorkingDir: directory } };
      const text = `WORKDIR ${directory}`;
      if (outcome) return finish(next, outcome, text);
      return { value: { ...next, history: [...next.history, emptyEntry(text)] }, cached: true };
    }
    case "run": {
      const log = report.log(id);
      const { outcome, args } = await runStep(session, state, instruction, { log });
      return finish(state, outcome, runText(state, args));
    }
    default:
      throw new Error(`${instruction.kind} makes no layer`);
  }
}

function finish(
  state: StageState,
  { layer, cached }: StepOutcome,
  createdBy: string,
): { value: StageState; cached: boolean } {
  const entry: PendingHistory = layerEntry(createdBy, layer.created);
  return {
    value: { ...state, layers: [...state.layers, layer.diffID], history: [...state.history, entry] },
    cached,
  };
}

type CopyLike = StageInstruction & { kind: "copy" | "add" };

const layerTexts = {
  /** As `docker history` shows it: flags that change files, sources, destination. */
  copy(instruction: CopyLike): string {
    const words = [instruction.kind.toUpperCase()];
    if (instruction.kind === "copy" && instruction.parents) words.push("--parents");
    if (instruction.chown) words.push(`--chown=${instruction.chown}`);
    if (instruction.chmod) words.push(`--chmod=${instruction.chmod}`);
    words.push(...instruction.sources, ...instruction.heredocs.map(({ name }) => `<<${name}`));
    return `${[...words, instruction.destination].join(" ")} # buildkit`;
  },
};

/** The line a person recognises: the instruction on one line, keyword in capitals. */
function nameOf(instruction: StageInstruction): string {
  const line = instruction.original.trim().replace(/\s*\n\s*/g, " ");
  return line.replace(/^\S+/, (keyword) => keyword.toUpperCase()) + summaryOf(instruction);
}

/** A script says in its heredoc what it does: its first line, as BuildKit shows it. */
function summaryOf(instruction: StageInstruction): string {
  if (instruction.kind !== "run" || instruction.command.form !== "heredoc") return "";
  const [first, ...rest] = instruction.command.script.trim().split(/\r?\n/);
  return ` (${first}${rest.length > 0 ? "..." : ""})`;
}
