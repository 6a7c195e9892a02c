import { toStrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, rate, type SkipReason, type StepStarted } from "../../events/index.ts";
import { type Digest, digestHex } from "../../oci/index.ts";

/** Bytes between two records of progress: renderers draw some ten times a second. */
const stride = 2 << 20;
/** Milliseconds after which fewer bytes have one too: of a slow line, and of one that moves no more. */
const pauseMs = 250;
/** Milliseconds that the speed shown is the average of. */
const windowMs = 3000;

export interface Step {
  /** Bytes so far, which may go back; and how many they will be, where that was not known before. */
  progress(current: number, total?: number): void;
  /** So many of the bytes were here before it began: they are part of the progress, and not of what was moved. */
  resumed(bytes: number): void;
  /** Nothing has to be moved. */
  skipped(reason: SkipReason): void;
  /** It is not needed, after all. */
  dropped(): void;
}

export interface StepOptions {
  readonly emit: Emit | undefined;
  readonly kind: StepStarted["kind"];
  readonly verb: string;
}

/** Does `work` on a blob as one step of the stream of events, whatever comes of it. Without a size that follows with `progress`. */
export async function asStep<T>(
  blob: { readonly digest: Digest; readonly size?: number },
  { emit = emitNothing, kind, verb }: StepOptions,
  work: (step: Step) => Promise<T>,
): Promise<T> {
  const step = `${verb} ${blob.digest}`;
  const name = `${verb} ${digestHex(blob.digest).slice(0, 12)}`;
  const startedAt = Date.now();
  const known: { size: number | undefined; moved: number; before: number } = {
    ...{ size: blob.size, moved: 0, before: 0 },
  };
  const ending: { outcome: "done" | "cached" | "skipped"; reason?: SkipReason } = { outcome: "done" };
  emit({
    ...{ type: "step.started", step, name, kind, at: startedAt },
    ...(blob.size === undefined ? {} : { total: blob.size }),
  });
  let reported = 0;
  let later: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const speed = new Speed(startedAt);
  const report = () => {
    const at = Date.now();
    clearTimeout(later);
    later = undefined;
    reported = known.moved;
    emit({
      ...{ type: "step.progress", step, unit: "bytes", current: reported, at },
      ...(known.size === undefined ? {} : { total: known.size }),
      bytesPerSecond: speed.at(at, Math.max(0, reported - known.before)),
    });
  };
  try {
    const result = await work({
      progress(current, total = known.size) {
        if (isOver) return;
        known.moved = current;
        known.size = total;
        if (current - reported >= stride || current < reported || current === total) report();
        else later ??= setTimeout(report, pauseMs);
      },
      resumed(bytes) {
        known.before = bytes;
      },
      skipped(reason) {
        Object.assign(ending, { outcome: "cached", reason });
      },
      dropped() {
        ending.outcome = "skipped";
      },
    });
    const at = Date.now();
    const all = known.size ?? known.moved;
    const bytes = ending.outcome === "done" ? all - known.before : all;
    emit({
      ...{ type: "step.done", step, ...ending, at },
      ...(ending.outcome === "skipped" ? {} : { bytes }),
      ...(ending.outcome === "done" ? { bytesPerSecond: rate(bytes, at - startedAt) } : {}),
    });
    return result;
  } catch (thrown) {
    const error = toStrakeError(thrown);
    const outcome = error.code === "CANCELED" ? "canceled" : "failed";
    emit({ type: "step.done", step, outcome, error, at: Date.now() });
    throw error;
  } finally {
    isOver = true;
    clearTimeout(later);
  }
}

/** Bytes a second over the last seconds. */
class Speed {
  #samples: { readonly at: number; readonly bytes: number }[];

  constructor(startedAt: number) {
    this.#samples = [{ at: startedAt, bytes: 0 }];
  }

  at(at: number, bytes: number): number {
    // What is sent a second time is no progress.
    if (bytes < (this.#samples.at(-1)?.bytes ?? 0)) this.#samples = [];
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - this.#samples[0]!.at > windowMs) this.#samples.shift();
    const first = this.#samples[0]!;
    return rate(bytes - first.bytes, at - first.at);
  }
}
