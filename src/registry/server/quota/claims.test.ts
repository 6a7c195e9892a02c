import { expect, test } from "bun:test";
import { type ClaimRequest, claim, renew, unclaim } from "./claims.ts";
import { type Ledger, OverQuota } from "./ledger.ts";
import type { Account } from "./rules.ts";

const MiB = 1 << 20;
const now = 1e12;
const minute = 60_000;
const account = (bytes: number): Account => ({
  ...{ kind: "namespace", name: "team" },
  limits: { bytes, tags: Number.POSITIVE_INFINITY, repositories: Number.POSITIVE_INFINITY },
});
const empty: Ledger = { bytes: 0, tags: 0, repositories: 0, countedAt: 0 };
const ask = (id: string, need: number, more: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...{ id, need, goesOn: false, now },
  ...more,
});

test("a body of unknown length asks less and less often, and never takes all that is left", () => {
  let ledger = empty;
  let granted = 0;
  let writes = 0;
  for (let length = 65536; length <= 900 * MiB; length += 65536) {
    if (length <= granted) continue;
    const claimed = claim(account(1000 * MiB), ledger, ask("a", length, { goesOn: true }));
    ({ granted } = claimed);
    ledger = claimed.ledger ?? ledger;
    writes++;
    expect(granted - length).toBeLessThanOrEqual((1000 * MiB - length) / 64);
  }
  expect(writes).toBeLessThan(200);
  // A hundred that just began leave room for another.
  for (let i = 0; i < 100; i++)
    ledger = claim(account(1000 * MiB), ledger, ask(`${i}`, 1000, { goesOn: true })).ledger ?? ledger;
  expect(claim(account(1000 * MiB), ledger, ask("b", MiB)).granted).toBe(MiB);
});

test("nothing is written for what was granted before, but that somebody still works on it", () => {
  const { ledger } = claim(account(1000), empty, ask("a", 500));
  expect(claim(account(1000), ledger!, ask("a", 400))).toEqual({ granted: 500, dropped: [] });
  const later = claim(account(1000), ledger!, ask("a", 400, { now: now + 2 * minute }));
  expect(later.ledger?.uploads).toEqual({ a: { bytes: 500, most: 1000, at: now + 2 * minute } });
  expect(renew(ledger!, "a", now + 9)?.uploads?.a?.at).toBe(now + 9);
  expect([renew(ledger!, "b", now), unclaim(ledger!, "b")]).toEqual([undefined, undefined]);
});

test("the one that was left alone longest makes way, and no more of them than have to", () => {
  const left = (bytes: number, ago: number) => ({ bytes, most: 1000, at: now - ago });
  const uploads = { a: left(300, 6 * minute), b: left(300, 60 * minute), c: left(300, minute) };
  const { dropped, ledger } = claim(account(1000), { ...empty, uploads }, ask("d", 400));
  expect([dropped, Object.keys(ledger!.uploads!)]).toEqual([["b"], ["a", "c", "d"]]);
  expect(claim(account(1000), { ...empty, uploads }, ask("d", 700)).dropped).toEqual(["b", "a"]);
  expect(() => claim(account(1000), { ...empty, uploads }, ask("d", 800))).toThrow(OverQuota);
  // The clock was set back by a day.
  const ahead = { a: left(900, -24 * 60 * minute) };
  expect(claim(account(1000), { ...empty, uploads: ahead }, ask("d", 800)).dropped).toEqual(["a"]);
});

test("so many hold bytes at once, and no more", () => {
  const uploads = Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`${i}`, { bytes: 1, most: 9, at: now }]),
  );
  const ask1 = () => claim(account(1e9), { ...empty, uploads }, ask("x", 1));
  expect(ask1).toThrow("1000 of them hold 1000");
  uploads["7"] = { bytes: 1, most: 9, at: 0 };
  expect(ask1().dropped).toEqual(["7"]);
});
