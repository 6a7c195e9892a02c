import { expect, test } from "bun:test";
import { ByteBudget } from "./byte-budget.ts";

test("never more is taken than there is, and everybody has a turn", async () => {
  const budget = new ByteBudget(100);
  let held = 0;
  let most = 0;
  let done = 0;
  const sizes = Array.from({ length: 200 }, (_, i) => 1 + ((i * 37) % 120));
  await Promise.all(
    sizes.map((size) =>
      budget.with(size, async () => {
        held += Math.min(size, 100);
        most = Math.max(most, held);
        await Bun.sleep(size % 3);
        held -= Math.min(size, 100);
        done++;
      }),
    ),
  );
  expect([done, held]).toEqual([200, 0]);
  expect(most).toBeGreaterThan(60);
  expect(most).toBeLessThanOrEqual(100);
  expect(budget.tryTake(100)).toBe(true);
});

test("who wants much is not overtaken by those who want little", async () => {
  const budget = new ByteBudget(10);
  expect(budget.tryTake(8)).toBe(true);
  const order: string[] = [];
  const large = budget.with(9, async () => order.push("large"));
  // Two bytes are free, but not theirs.
  const small = budget.with(2, async () => order.push("small"));
  expect(budget.tryTake(2)).toBe(false);
  await Bun.sleep(0);
  expect(order).toEqual([]);
  budget.give(8);
  await Promise.all([large, small]);
  expect(order).toEqual(["large", "small"]);
});

test("work that fails gives its bytes back", async () => {
  const budget = new ByteBudget(10);
  const failing = budget.with(10, () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(budget.tryTake(10)).toBe(true);
});
