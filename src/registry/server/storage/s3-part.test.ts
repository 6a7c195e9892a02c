import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { Part, partSize } from "./s3-part.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const pattern = (size: number, seed: number) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) & 255);

/** Sends it as the S3 client does, to somebody who says what came. */
async function sent(part: Part, how: "blob" | "stream"): Promise<{ sha256: string; length: number }> {
  using server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => new Response(sha256(new Uint8Array(await request.arrayBuffer()))),
  });
  const body = how === "blob" ? part.blob : part.blob.stream();
  const answer = await fetch(server.url, { method: "PUT", body });
  return { sha256: await answer.text(), length: part.length };
}

test.each([1, 1000, 100_000, (256 << 10) - 1, 256 << 10, 3 << 20, partSize])(
  "%i bytes are sent as they were written, however often, and whoever had the file before",
  async (size) => {
    for (let round = 0; round < 3; round++) {
      const bytes = pattern(size, round);
      const part = new Part();
      for (let at = 0; at < size; ) at += part.write(bytes.subarray(at, at + 70_000));
      expect([part.length, part.isFull, part.sha256]).toEqual([size, size === partSize, sha256(bytes)]);
      for (const how of ["blob", "stream", "blob"] as const)
        expect(await sent(part, how)).toEqual({ sha256: sha256(bytes), length: size });
      part.release();
    }
  },
);

test("no more is taken than there is room for, and a part that was cleared begins anew", async () => {
  const part = new Part();
  expect(part.write(new Uint8Array(partSize - 10))).toBe(partSize - 10);
  expect(part.write(new Uint8Array(100))).toBe(10);
  expect(part.write(new Uint8Array(100))).toBe(0);
  part.clear();
  expect([part.length, part.isFull]).toEqual([0, false]);
  part.write(pattern(5, 1));
  // Asked for in between: it goes on.
  expect(part.sha256).toBe(sha256(pattern(5, 1)));
  part.write(pattern(7, 2));
  expect(part.sha256).toBe(sha256(Uint8Array.from([...pattern(5, 1), ...pattern(7, 2)])));
  expect(new Uint8Array(await part.blob.arrayBuffer())).toEqual(
    Uint8Array.from([...pattern(5, 1), ...pattern(7, 2)]),
  );
  part.release();
  part.release();
});
