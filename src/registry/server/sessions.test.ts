import { expect, test } from "bun:test";
import { type Turn, takeable } from "./sessions.ts";

test("a chunk's memory is given back when the next one is asked for, a part of somebody else's is not", async () => {
  const shared = new Uint8Array(100).fill(7);
  const chunks = [new Uint8Array(1000).fill(1), shared.subarray(10, 20), new Uint8Array(500).fill(2)];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const turn: Turn = { giveUp: undefined, end: Promise.withResolvers() };
  const traffic = { received: 0 };
  const seen: number[] = [];
  const own: ArrayBufferLike[] = [];
  for await (const chunk of takeable(body, turn, traffic)) {
    seen.push(chunk.byteLength, chunk[0]!);
    own.push(chunk.buffer);
  }
  expect(seen).toEqual([1000, 1, 10, 7, 500, 2]);
  expect(traffic.received).toBe(1510);
  expect(own.map((buffer) => (buffer as ArrayBuffer).detached)).toEqual([true, false, true]);
  expect(shared.every((byte) => byte === 7)).toBe(true);
});
