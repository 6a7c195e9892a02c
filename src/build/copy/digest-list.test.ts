import { expect, test } from "bun:test";
import { sha256 } from "../../oci/index.ts";
import { DigestList } from "./digest-list.ts";

test("digests come back by position, also across pieces; others have none", () => {
  const list = new DigestList();
  const positions = [0, 1, 2047, 2048, 10_000];
  for (const index of positions) list.set(index, sha256(String(index)));
  for (const index of positions) expect(list.get(index)).toBe(sha256(String(index)));
  expect(Buffer.from(list.bytes(2048)!).toString("hex")).toBe(sha256("2048").slice(7));
  for (const index of [2, 2046, 2049, 9999, 10_001, 1_000_000]) expect(list.get(index)).toBeUndefined();
});
