import { expect, test } from "bun:test";
import { StrakeError } from "../../errors/index.ts";
import { type StrakeEvent, withTotals } from "../../events/index.ts";
import { type Digest, sha256 } from "../../oci/index.ts";
import { asStep, type Step } from "./step.ts";

const digest: Digest = sha256(Buffer.from("x"));
const MiB = 1 << 20;

async function eventsOf(size: number | undefined, work: (step: Step) => Promise<unknown>) {
  const events: StrakeEvent[] = [];
  const blob = { digest, ...(size === undefined ? {} : { size }) };
  const emit = (event: StrakeEvent) => void events.push(event);
  const result = await withTotals("pull", emit, (counted) =>
    asStep(blob, { emit: counted, kind: "transfer", verb: "pull" }, work),
  ).catch((error: StrakeError) => error);
  return { events, result };
}
const currents = (events: readonly StrakeEvent[]) =>
  events.flatMap((event) => (event.type === "step.progress" ? [event.current] : []));

test("many small chunks make few records, the last byte is one of them", async () => {
  const { events } = await eventsOf(10 * MiB, async (step) => {
    for (let bytes = 0; bytes <= 10 * MiB; bytes += 65_536) step.progress(bytes);
  });
  expect(currents(events)).toEqual([2 * MiB, 4 * MiB, 6 * MiB, 8 * MiB, 10 * MiB]);
  expect(events.at(-1)).toMatchObject({ moved: { blobs: 1, bytes: 10 * MiB }, skipped: [] });
});

test("what came before a stall is shown while it stalls, and nothing after the end", async () => {
  let late: Step | undefined;
  const { events } = await eventsOf(10 * MiB, async (step) => {
    late = step;
    step.progress(1000);
    await Bun.sleep(400);
    step.progress(2000);
  });
  late!.progress(3000);
  await Bun.sleep(400);
  expect(currents(events)).toEqual([1000]);
});

test("an upload that resumes goes back; its speed is never negative", async () => {
  const { events } = await eventsOf(10 * MiB, async (step) => {
    for (const bytes of [4 * MiB, 3 * MiB, 10 * MiB]) {
      step.progress(bytes);
      await Bun.sleep(20);
    }
  });
  expect(currents(events)).toEqual([4 * MiB, 3 * MiB, 10 * MiB]);
  for (const event of events)
    if (event.type === "step.progress") expect(event.bytesPerSecond).toBeGreaterThanOrEqual(0);
});

test("what was here before it began is progress, and neither moved nor speed", async () => {
  const { events } = await eventsOf(10 * MiB, async (step) => {
    step.resumed(9 * MiB);
    await Bun.sleep(20);
    step.progress(9 * MiB);
    step.progress(10 * MiB);
  });
  expect(currents(events)).toEqual([9 * MiB, 10 * MiB]);
  expect(events.find(({ type }) => type === "step.progress")).toMatchObject({ bytesPerSecond: 0 });
  expect(events.find(({ type }) => type === "step.done")).toMatchObject({ outcome: "done", bytes: MiB });
  expect(events.at(-1)).toMatchObject({ moved: { blobs: 1, bytes: MiB } });
});

test("a size that is known at the end only", async () => {
  const { events } = await eventsOf(undefined, async (step) => {
    step.progress(3 * MiB);
    step.progress(5 * MiB, 5 * MiB);
  });
  expect(events[0]).not.toHaveProperty("total");
  expect(events.find(({ type }) => type === "step.done")).toMatchObject({ outcome: "done", bytes: 5 * MiB });
});

test("what was skipped is summed by its reason; what failed or was dropped is in no sum", async () => {
  const skipped = await eventsOf(7, async (step) => step.skipped("mounted from a/b"));
  expect(skipped.events.at(-1)).toMatchObject({
    moved: { blobs: 0, bytes: 0 },
    skipped: [{ reason: "mounted from a/b", blobs: 1, bytes: 7 }],
  });
  const failed = await eventsOf(7, async () => {
    throw new StrakeError("REGISTRY_STALLED", "no byte");
  });
  expect(failed.events.map(({ type }) => type)).toEqual(["step.started", "step.done"]);
  expect(failed.events.at(-1)).toMatchObject({ outcome: "failed", error: { code: "REGISTRY_STALLED" } });
  expect(failed.result).toMatchObject({ code: "REGISTRY_STALLED" });
  const dropped = await eventsOf(7, async (step) => step.dropped());
  expect(dropped.events.map(({ type }) => type)).toEqual(["step.started", "step.done"]);
});
