import { expect, test } from "bun:test";
import { renewing } from "./renewal.ts";
import type { Found } from "./source.ts";

const minute = 60_000;
const hour = 60 * minute;

/** A source whose answers are given by hand, and a clock. */
function source(lifetime: number | undefined, recheck?: number) {
  const clock = { now: 1_000_000, asked: 0, failing: false, keys: "" };
  const failures: unknown[] = [];
  const find = async (): Promise<Found> => {
    clock.asked++;
    await Bun.sleep(1);
    if (clock.failing) throw new Error("the source is away");
    const accessKeyId = clock.keys || `key-${clock.asked}`;
    const expiration = lifetime === undefined ? undefined : clock.now + lifetime;
    return { credentials: { accessKeyId, secretAccessKey: "s", expiration }, recheck };
  };
  const provider = renewing(find, {
    now: () => clock.now,
    onFailure: (error) => void failures.push(error),
  });
  return { clock, provider, failures, key: async () => (await provider()).accessKeyId };
}

test("one renewal at a time, however many ask", async () => {
  const { clock, key } = source(hour);
  expect(new Set(await Promise.all(Array.from({ length: 50 }, key)))).toEqual(new Set(["key-1"]));
  clock.now += 2 * hour;
  expect(new Set(await Promise.all(Array.from({ length: 50 }, key)))).toEqual(new Set(["key-2"]));
  expect(clock.asked).toBe(2);
});

test("renewed ahead of their end, with nobody waiting", async () => {
  const { clock, key } = source(hour);
  expect(await key()).toBe("key-1");
  clock.now += 49 * minute;
  expect([await key(), clock.asked]).toEqual(["key-1", 1]);
  clock.now += 2 * minute;
  expect([await key(), clock.asked]).toEqual(["key-1", 2]);
  await Bun.sleep(20);
  expect([await key(), clock.asked]).toEqual(["key-2", 2]);
});

test("a renewal that fails: the old ones until their end, tried again meanwhile, then the error", async () => {
  const { clock, key, failures } = source(hour);
  await key();
  clock.failing = true;
  for (let i = 1; i < 10; i++) {
    clock.now = 1_000_000 + 50 * minute + i * minute;
    expect(await key()).toBe("key-1");
    await Bun.sleep(5);
    expect(clock.asked).toBe(1 + i);
  }
  expect(failures.length).toBe(9);
  clock.now += 2 * minute;
  await expect(key()).rejects.toThrow("the source is away");
  clock.failing = false;
  expect(await key()).toStartWith("key-");
});

test("a first failure is not remembered", async () => {
  const { clock, key } = source(undefined);
  clock.failing = true;
  await expect(key()).rejects.toThrow("the source is away");
  clock.failing = false;
  expect(await key()).toBe("key-2");
});

test("a source that throws at once, before it is waited for, is asked again too", async () => {
  let calls = 0;
  const provider = renewing(() => {
    if (++calls === 1) throw new Error("at once");
    return Promise.resolve({ credentials: { accessKeyId: "k", secretAccessKey: "s" } });
  });
  await expect(provider()).rejects.toThrow("at once");
  expect((await provider()).accessKeyId).toBe("k");
});

test("credentials that do not end are kept, those of a file looked at again after a time", async () => {
  const forever = source(undefined);
  await forever.key();
  forever.clock.now += 1000 * hour;
  expect([await forever.key(), forever.clock.asked]).toEqual(["key-1", 1]);
  const file = source(undefined, minute);
  await file.key();
  file.clock.now += minute;
  expect(await file.key()).toBe("key-1");
  await Bun.sleep(20);
  expect(await file.key()).toBe("key-2");
  file.clock.failing = true;
  file.clock.now += hour;
  expect(await file.key()).toBe("key-2");
});

test("ended ones that a source gives all the same are tried, and asked for again later", async () => {
  const { clock, key } = source(-minute);
  expect([await key(), await key(), clock.asked]).toEqual(["key-1", "key-1", 1]);
  clock.now += minute;
  expect(await key()).toBe("key-2");
});

test("a refusal renews once for all that were refused, and not again and again for nothing", async () => {
  const { clock, provider } = source(hour);
  const first = await provider();
  clock.now += 5000;
  const others = await Promise.all(Array.from({ length: 20 }, () => provider(first)));
  expect(new Set(others.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["key-2"]));
  expect((await provider(first)).accessKeyId).toBe("key-2");
  expect(clock.asked).toBe(2);
  clock.keys = "key-2";
  clock.now += 5000;
  for (let i = 0; i < 5; i++) expect((await provider(await provider())).accessKeyId).toBe("key-2");
  expect(clock.asked).toBe(3);
  clock.now += 20_000;
  await provider(await provider());
  expect(clock.asked).toBe(4);
});
