import { toStrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, type StepStarted } from "../../events/index.ts";
import { type Descriptor, digestHex } from "../../oci/index.ts";

/** Bytes between two records of progress: renderers draw some ten times a second. */
const stride = 2 << 20;

export interface Step {
  /** Bytes so far. */
  progress(current: number): void;
  /** What came of it when nothing had to be done. */
  skipped(): void;
}

export interface StepOptions {
  readonly emit: Emit | undefined;
  readonly kind: StepStarted["kind"];
  readonly verb: string;
}

/** Does `work` as one step of the stream of events, whatever comes of it. */
export async function asStep<T>(
  blob: Pick<Descriptor, "digest" | "size">,
  { emit = emitNothing, kind, verb }: StepOptions,
  work: (step: Step) => Promise<T>,
): Promise<T> {
  const step = `${verb} ${blob.digest}`;
  const total = blob.size;
  emit({
    type: "step.started",
    step,
    name: `${verb} ${digestHex(blob.digest).slice(0, 12)}`,
    kind,
    at: Date.now(),
  });
  let reported = 0;
  let outcome: "done" | "cached" = "done";
  try {
    const result = await work({
      progress(current) {
        if (current - reported < stride && current >= reported && current < total) return;
        reported = current;
        emit({ type: "step.progress", step, unit: "bytes", current, total, at: Date.now() });
      },
      skipped() {
        outcome = "cached";
      },
    });
    emit({ type: "step.done", step, outcome, at: Date.now() });
    return result;
  } catch (thrown) {
    const error = toStrakeError(thrown);
    const ending = error.code === "CANCELED" ? "canceled" : "failed";
    emit({ type: "step.done", step, outcome: ending, error, at: Date.now() });
    throw error;
  }
}
