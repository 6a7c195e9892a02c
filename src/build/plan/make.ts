import {
  type Dockerfile,
  expandInstruction,
  type FromInstruction,
  parseTrigger,
  type Stage,
  type StageInstruction,
} from "../../dockerfile/index.ts";
import { isReference, type Platform } from "../../oci/index.ts";
import { globalScope, unusedArguments } from "./arguments.ts";
import { findCycle, reachable } from "./graph.ts";
import { refuseMalformed } from "./malformed.ts";
import type { Base, Origin, Plan, PlannedInstruction, PlannedStage } from "./plan.ts";
import { errorAt, locate, type Place } from "./source-error.ts";
import { findStage, targetStage } from "./target.ts";
import { refuseUnsupported } from "./unsupported.ts";

export interface PlanInput {
  readonly dockerfile: Dockerfile;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly buildPlatform: Platform;
  readonly targetPlatform: Platform;
  /** The `OnBuild` of a base image. Asked only for images that the target needs. */
  triggersOf(base: Base & { kind: "image" }, place: Place): Promise<readonly string[]>;
}

type Draft = { -readonly [K in keyof PlannedStage]: PlannedStage[K] } & {
  instructions: PlannedInstruction[];
  triggered: boolean;
};

/**
 * From a parsed file to the graph of steps. Triggers of base images may bring `--from` and with it new dependencies, so
 * what is needed is computed until nothing new appears.
 * Throws BUILD_TARGET_UNKNOWN, BUILD_STAGE_CYCLE, BUILD_STAGE_UNKNOWN, BUILD_UNSUPPORTED, and what expansion and `triggersOf` throw.
 */
export async function makePlan(input: PlanInput): Promise<Plan> {
  const { dockerfile } = input;
  const { stages, text } = dockerfile;
  const target = targetStage(stages, input.target);
  const globals = globalScope({
    args: dockerfile.globalArgs,
    buildArgs: input.buildArgs,
    buildPlatform: input.buildPlatform,
    targetPlatform: input.targetPlatform,
    targetStage: stages[target]!.name,
    escape: dockerfile.directives.escape,
    text,
  });
  const drafts = stages.map((stage) => draftStage(stage, dockerfile, globals));
  const dependsOn = (index: number) => dependencies(drafts[index]!);
  refuseCycle(drafts, text, dependsOn);

  let needed = reachable(target, dependsOn);
  for (;;) {
    for (const index of [...needed].sort((a, b) => a - b)) await addTriggers(drafts, index, input);
    const again = reachable(target, dependsOn);
    if (again.size === needed.size) break;
    refuseCycle(drafts, text, dependsOn);
    needed = again;
  }
  for (const index of needed) {
    refuseForward(drafts, index, text);
    for (const { instruction, range } of drafts[index]!.instructions)
      blaming({ range, text }, () => {
        refuseMalformed(instruction, dockerfile.directives.escape);
        refuseUnsupported(instruction);
      });
  }

  const declared = new Set(dockerfile.globalArgs.flatMap((arg) => arg.args.map(({ name }) => name)));
  for (const { instructions } of drafts)
    for (const { instruction } of instructions)
      if (instruction.kind === "arg") for (const { name } of instruction.args) declared.add(name);
  return {
    dockerfile,
    target,
    stages: new Map([...needed].sort((a, b) => a - b).map((index) => [index, finish(drafts[index]!)])),
    skipped: drafts.filter(({ index }) => !needed.has(index)).map(({ label }) => label),
    globals,
    unusedArguments: unusedArguments(input.buildArgs, declared, globals),
  };
}

function draftStage(stage: Stage, dockerfile: Dockerfile, globals: ReadonlyMap<string, string>): Draft {
  const { stages, text } = dockerfile;
  const from = expandFrom(stage, dockerfile, globals);
  return {
    index: stage.index,
    name: stage.name,
    label: stages.length === 1 ? "" : (stage.name ?? `stage-${stage.index}`),
    from,
    base: baseOf(from, stage.index, stages),
    instructions: stage.instructions.map((instruction) => ({
      instruction,
      origin: originOf(instruction, stages, { range: instruction.range, text }),
      onbuild: false,
      range: instruction.range,
    })),
    dependsOn: [],
    triggered: false,
  };
}

function expandFrom(
  stage: Stage,
  dockerfile: Dockerfile,
  globals: ReadonlyMap<string, string>,
): FromInstruction {
  const { text, directives } = dockerfile;
  const place = { range: stage.from.range, text };
  const { instruction, unset } = expandInstruction(stage.from, globals, { escape: directives.escape, text });
  const { image: base } = instruction;
  const hint =
    unset.size > 0
      ? `${[...unset].join(", ")} is not set: declare it with ARG before the first FROM, or pass --build-arg`
      : undefined;
  if (base === "")
    throw errorAt(place, "BUILD_INSTRUCTION", `the base name "${stage.from.image}" is empty`, hint);
  if (instruction.platform === "")
    throw errorAt(place, "BUILD_INSTRUCTION", `the platform "${stage.from.platform}" is empty`, hint);
  // `busybox:$VERSION` becomes `busybox:`: what is wrong is the variable, not the reference.
  if (hint !== undefined && !isReference(base))
    throw errorAt(place, "BUILD_INSTRUCTION", `the base name "${stage.from.image}" becomes "${base}"`, hint);
  return instruction;
}

function baseOf(from: FromInstruction, index: number, stages: readonly Stage[]): Base {
  const { image: reference, platform } = from;
  const stage = findStage(stages, reference, index);
  if (stage !== undefined) return { kind: "stage", index: stage };
  const chosen = platform === undefined ? {} : { platform };
  return reference === "scratch" ? { kind: "scratch", ...chosen } : { kind: "image", reference, ...chosen };
}

function originOf(instruction: StageInstruction, stages: readonly Stage[], place: Place): Origin | undefined {
  if (instruction.kind !== "copy" || instruction.from === undefined) return undefined;
  const { from } = instruction;
  if (/^\d+$/.test(from)) {
    if (Number(from) < stages.length) return { kind: "stage", index: Number(from) };
    throw errorAt(
      place,
      "BUILD_STAGE_UNKNOWN",
      `--from=${from}: the file has ${stages.length} stages, counted from 0`,
    );
  }
  const stage = findStage(stages, from);
  return stage === undefined ? { kind: "image", reference: from } : { kind: "stage", index: stage };
}

/** Puts the triggers of the stage's base in front of its own instructions, once. */
async function addTriggers(drafts: readonly Draft[], index: number, input: PlanInput): Promise<void> {
  const draft = drafts[index]!;
  if (draft.triggered) return;
  draft.triggered = true;
  const { stages, text } = input.dockerfile;
  const { base, from } = draft;
  const place = { range: from.range, text };
  if (base.kind === "image") {
    const triggers = await input.triggersOf(base, place);
    const planned = triggers.map((trigger) => readTrigger(trigger, stages, place));
    draft.instructions.unshift(...planned);
  } else if (base.kind === "stage") {
    const planned = drafts[base.index]!.instructions.flatMap(({ instruction, onbuild }) => {
      if (instruction.kind !== "onbuild" || onbuild) return [];
      const trigger = instruction.trigger as StageInstruction;
      const range = instruction.range;
      return {
        instruction: trigger,
        origin: originOf(trigger, stages, { range, text }),
        onbuild: true,
        range,
      };
    });
    draft.instructions.unshift(...planned);
  }
}

function readTrigger(text: string, stages: readonly Stage[], place: Place): PlannedInstruction {
  try {
    const instruction = parseTrigger(text) as StageInstruction;
    return { instruction, origin: originOf(instruction, stages, place), onbuild: true, range: place.range };
  } catch (error) {
    throw locate(error, place);
  }
}

function dependencies({ base, instructions }: Draft): number[] {
  const found = new Set<number>();
  if (base.kind === "stage") found.add(base.index);
  for (const { origin } of instructions) if (origin?.kind === "stage") found.add(origin.index);
  return [...found].sort((a, b) => a - b);
}

function refuseCycle(drafts: readonly Draft[], text: string, dependsOn: (index: number) => number[]): void {
  const cycle = findCycle(drafts.length, dependsOn);
  if (!cycle) return;
  const names = cycle.map((index) => drafts[index]!.name ?? `stage ${index}`);
  const first = drafts[cycle[0]!]!;
  const guilty = first.instructions.find(
    ({ origin }) => origin?.kind === "stage" && origin.index === cycle[1],
  );
  throw errorAt(
    { range: guilty?.range ?? first.from.range, text },
    "BUILD_STAGE_CYCLE",
    `stages depend on each other in a circle: ${names.join(" -> ")}`,
  );
}

/** A stage can only copy from one that stands above it. */
function refuseForward(drafts: readonly Draft[], index: number, text: string): void {
  for (const { origin, range } of drafts[index]!.instructions) {
    if (origin?.kind !== "stage" || origin.index < index) continue;
    const name = drafts[origin.index]!.name ?? String(origin.index);
    throw errorAt(
      { range, text },
      "BUILD_STAGE_UNKNOWN",
      `stage "${name}" is defined after the stage that copies from it`,
    );
  }
}

function blaming(place: Place, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw locate(error, place);
  }
}

function finish(draft: Draft): PlannedStage {
  const { triggered: _, ...stage } = draft;
  return { ...stage, dependsOn: dependencies(draft) };
}
