import { expect, test } from "bun:test";
import { bytesUsed, forgetLeft, type Ledger, leave } from "./ledger.ts";

const empty: Ledger = { bytes: 100, tags: 0, repositories: 0, countedAt: 0 };
const hour = 3600_000;

test("what leaves counts until it has left, and a ledger stays small whatever leaves", () => {
  let ledger = leave(leave(empty, 10, hour), 20, hour + 1000);
  expect(ledger.leaving).toEqual([{ bytes: 30, until: hour + 1000 }]);
  ledger = leave(ledger, 5, 2 * hour);
  expect(leave(ledger, 1, hour).leaving).toEqual([
    { bytes: 31, until: hour + 1000 },
    { bytes: 5, until: 2 * hour },
  ]);
  expect(bytesUsed(ledger)).toBe(135);
  expect(forgetLeft(ledger, hour)).toBeUndefined();
  ledger = forgetLeft(ledger, hour + 2000)!;
  expect(ledger.leaving).toEqual([{ bytes: 5, until: 2 * hour }]);
  for (let i = 0; i < 2000; i++) ledger = leave(ledger, 1, i * hour);
  expect(bytesUsed(ledger)).toBe(2105);
  expect(ledger.leaving!.length).toBe(500);
  expect(leave(ledger, 0, 5000 * hour)).toBe(ledger);
  expect(bytesUsed(forgetLeft(ledger, 2000 * hour)!)).toBe(100);
});

test("what is deleted every few minutes leaves all the same", () => {
  const minute = 60_000;
  let ledger = empty;
  for (let now = 0; now < 24 * hour; now += 5 * minute) {
    ledger = leave(ledger, 1, now + hour);
    ledger = forgetLeft(ledger, now) ?? ledger;
  }
  // Twelve in the last hour, and at most one entry's worth more.
  expect(bytesUsed(ledger) - empty.bytes).toBeLessThanOrEqual(14);
});
