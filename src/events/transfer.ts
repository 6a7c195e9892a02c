import type { BlobSum, Emit, SkipReason, StrakeEvent, TransferDone } from "./event.ts";

/** Does `work` with an `emit` that passes everything on, and reports the sum of its transfers, if there were any, when it has succeeded. */
export async function withTotals<T>(
  verb: TransferDone["verb"],
  emit: Emit,
  work: (emit: Emit) => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  const sums = new Sums();
  const result = await work((event) => {
    sums.add(event);
    emit(event);
  });
  const at = Date.now();
  const ms = at - startedAt;
  const { moved, skipped } = sums;
  if (moved.blobs === 0 && skipped.length === 0) return result;
  emit({
    ...{ type: "transfer.done", verb, moved, skipped, ms, at },
    bytesPerSecond: rate(moved.bytes, ms),
  });
  return result;
}

/** Bytes a second; of less than a millisecond nobody can tell. */
export function rate(bytes: number, ms: number): number {
  return Math.round((bytes * 1000) / Math.max(1, ms));
}

class Sums {
  readonly #transfers = new Set<string>();
  readonly #skipped = new Map<SkipReason, BlobSum>();
  moved: BlobSum = { blobs: 0, bytes: 0 };

  get skipped(): TransferDone["skipped"] {
    return [...this.#skipped].map(([reason, sum]) => ({ reason, ...sum }));
  }

  add(event: StrakeEvent): void {
    if (event.type === "step.started" && event.kind === "transfer") this.#transfers.add(event.step);
    if (event.type !== "step.done" || !this.#transfers.has(event.step)) return;
    const { outcome, reason, bytes = 0 } = event;
    if (outcome === "done") this.moved = plus(this.moved, bytes);
    else if (reason !== undefined) this.#skipped.set(reason, plus(this.#skipped.get(reason), bytes));
  }
}

function plus({ blobs, bytes }: BlobSum = { blobs: 0, bytes: 0 }, more: number): BlobSum {
  return { blobs: blobs + 1, bytes: bytes + more };
}
