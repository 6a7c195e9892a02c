import { type SourceRange, toStrakeError } from "../../errors/index.ts";
import { isStep, type PlannedStage } from "../plan/plan.ts";
import type { Session } from "./session.ts";

/** Emits the events of one stage's steps, with names like `[build 2/5] RUN make`. */
export class StepReporter {
  readonly #session: Session;
  readonly #stage: PlannedStage;
  readonly #total: number;
  #number = 0;

  constructor(session: Session, stage: PlannedStage) {
    this.#session = session;
    this.#stage = stage;
    this.#total = stepCount(stage);
  }

  /** Runs one step between its events. */
  async step<T>(
    text: string,
    source: SourceRange,
    work: (id: string) => Promise<{ value: T; cached: boolean }>,
  ): Promise<T> {
    const { emit, counts } = this.#session;
    const { label, index } = this.#stage;
    const number = String(++this.#number).padStart(String(this.#total).length);
    const step = `${index}.${this.#number}`;
    const name = `[${label === "" ? "" : `${label} `}${number}/${this.#total}] ${text}`;
    emit({ type: "step.started", step, name, kind: "build", at: Date.now(), source });
    try {
      const { value, cached } = await work(step);
      counts[cached ? "cached" : "done"]++;
      emit({ type: "step.done", step, outcome: cached ? "cached" : "done", at: Date.now() });
      return value;
    } catch (thrown) {
      const error = toStrakeError(thrown);
      const outcome = error.code === "CANCELED" ? "canceled" : "failed";
      emit({ type: "step.done", step, outcome, error, at: Date.now() });
      throw error;
    }
  }

  progress(step: string, unit: "files" | "bytes"): (current: number) => void {
    const { emit } = this.#session;
    return (current) => {
      if (current > 0) emit({ type: "step.progress", step, unit, current, at: Date.now() });
    };
  }

  log(step: string): (stream: "stdout" | "stderr", data: Uint8Array) => void {
    const { emit } = this.#session;
    return (stream, data) => emit({ type: "step.log", step, stream, data, at: Date.now() });
  }
}

/** How many of a stage's instructions progress counts. */
export function stepCount(stage: PlannedStage): number {
  const base = stage.base.kind === "image" ? 1 : 0;
  return base + stage.instructions.filter(({ instruction }) => isStep(instruction)).length;
}
