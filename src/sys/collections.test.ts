import { expect, spyOn, test } from "bun:test";
import { Collections } from "./index.ts";

/** Whether the object that `make` gives, and nobody keeps, is gone after `after`. */
async function isGone(make: () => WeakRef<object>, after: () => void): Promise<boolean> {
  const refs = Array.from({ length: 50 }, make);
  // A WeakRef keeps what it was read for until the turn of the event loop ends.
  await Bun.sleep(1);
  after();
  await Bun.sleep(1);
  return refs.filter((ref) => ref.deref() === undefined).length > 25;
}

const garbage = () => new WeakRef({ bytes: new Uint8Array(100) });

test("nothing is collected before so many steps, the young then", async () => {
  const collections = new Collections({ every: 10 });
  expect(await isGone(garbage, () => collections.passed(9))).toBe(false);
  expect(await isGone(garbage, () => collections.passed(1))).toBe(true);
});

test("all is collected in place of each so many collections of the young", () => {
  using full = spyOn(Bun, "gc");
  const collections = new Collections({ every: 100, fullEvery: 3 });
  const counts = Array.from({ length: 12 }, () => {
    collections.passed(60);
    return full.mock.calls.length;
  });
  // A collection after each second count, and each third of them of all.
  expect(counts).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2]);
});
