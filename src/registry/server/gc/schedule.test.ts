import { expect, test } from "bun:test";
import { Schedule } from "./schedule.ts";

const day = 24 * 3600_000;

test.each([30 * day, 365 * day])("a pause of %d ms is one: no timer holds it", async (every) => {
  let times = 0;
  const schedule = new Schedule(every, async () => {
    times++;
  });
  await Bun.sleep(50);
  await schedule.stop();
  expect(times).toBe(0);
});

test("work comes again after each pause, and no more once it is stopped", async () => {
  let times = 0;
  const schedule = new Schedule(1, async () => {
    times++;
  });
  while (times < 3) await Bun.sleep(1);
  await schedule.stop();
  const last = times;
  await Bun.sleep(20);
  expect(times).toBe(last);
});
