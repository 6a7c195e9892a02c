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

test("a digest far behind takes memory of its own place only", () => {
  let taken = 0;
  const list = new DigestList({
    allocate: (bytes) => {
      taken += bytes;
      return new ArrayBuffer(bytes);
    },
    release: () => {},
  });
  list.set(50_000_000, sha256("far"));
  list.set(3, sha256("near"));
  expect(list.get(50_000_000)).toBe(sha256("far"));
  expect(list.get(3)).toBe(sha256("near"));
  expect(taken).toBe(2 * 65_536);
});
