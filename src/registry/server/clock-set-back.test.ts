import { beforeEach, expect, test } from "bun:test";
import type { Digest } from "../../oci/index.ts";
import { RateLimit } from "./access/rate-limit.ts";
import { spare } from "./gc/condemned.ts";
import { condemnedKey, leaseKey } from "./gc/keys.ts";
import { ownClock } from "./own-clock.test-support.ts";
import { Expiring } from "./proxy/expiring.ts";
import { Rest } from "./proxy/rest.ts";
import { Registry } from "./server.ts";
import { MemoryStore } from "./storage/memory.ts";

const later = ownClock();
beforeEach(() => later(0));
const hour = 3600_000;
const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));

test("who has used up the requests of a minute gets those of the next", () => {
  const limit = new RateLimit(2, 60);
  for (const _ of [1, 2]) limit.take("ann");
  later(-hour);
  expect(limit.wait("ann")).toBe(30);
  later(30_000);
  expect(limit.wait("ann")).toBe(0);
});

test("what is known of an upstream for seconds is not believed for an hour", () => {
  const absent = new Expiring<true>(10);
  absent.set("a", true, 30_000);
  const away = new Rest();
  away.begin();
  expect([absent.get("a"), away.isOn]).toEqual([true, true]);
  later(-hour);
  expect([absent.get("a"), away.isOn]).toEqual([undefined, false]);
});

test("a collector that was killed before does not keep others from collecting, nor its deletion a push from its blob", async () => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage });
  const digest = `sha256:${"a".repeat(64)}` as Digest;
  await storage.put(leaseKey, json({ until: Date.now() + 60_000 }));
  await storage.put(condemnedKey(digest), json({ state: "deleting", at: Date.now() }));
  expect(await registry.collect()).toBeUndefined();
  later(-48 * hour);
  expect(await registry.collect()).toMatchObject({ interrupted: false });
  await spare(storage, digest);
}, 20_000);
