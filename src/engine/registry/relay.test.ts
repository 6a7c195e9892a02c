import { expect, test } from "bun:test";
import { Relay } from "./relay.ts";

const count = 20;
const chunk = (value: number) => new Uint8Array(1000).fill(value);

/** Reads it all, at a pace, and asks what every chunk looks like while it is ours. */
async function read(source: AsyncIterable<Uint8Array>, pause: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const bytes of source) {
    await Bun.sleep(pause);
    expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
    seen.push(bytes.byteLength === 1000 ? bytes[0]! : -1);
  }
  return seen;
}

for (const [first, second] of [
  [0, 2],
  [2, 0],
  [1, 1],
] as const)
  test(`memory is given back when both readers are done with it, at paces ${first} and ${second}`, async () => {
    const chunks = Array.from({ length: count }, (_, i) => chunk(i));
    // Of what others see too, nothing is taken away.
    const large = new Uint8Array(2000).fill(77);
    const view = large.subarray(500, 1500);
    const relay = new Relay({ free: true });
    const expected = [...chunks.keys(), 77];
    const source = (async function* () {
      yield* chunks;
      yield view;
    })();
    const seen = await Promise.all([read(relay.through(source), first), read(relay, second)]);
    expect(seen).toEqual([expected, expected]);
    expect(chunks.every(({ byteLength }) => byteLength === 0)).toBe(true);
    expect(large.byteLength).toBe(2000);
  });

test("a reader that gives up neither stops the first nor keeps memory", async () => {
  const chunks = Array.from({ length: count }, (_, i) => chunk(i));
  const relay = new Relay({ free: true });
  const first = read(
    relay.through(
      (async function* () {
        yield* chunks;
      })(),
    ),
    1,
  );
  for await (const bytes of relay) if (bytes[0] === 5) break;
  expect(await first).toEqual([...chunks.keys()]);
  // What lay between the two when one went away is left to the collector.
  expect(chunks.filter(({ byteLength }) => byteLength > 0).length).toBeLessThanOrEqual(5);
});

test("chunks that are somebody else's stay", async () => {
  const chunks = [chunk(1), chunk(2)];
  const relay = new Relay();
  const source = (async function* () {
    yield* chunks;
  })();
  expect(await Promise.all([read(relay.through(source), 0), read(relay, 0)])).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(chunks.map(({ byteLength }) => byteLength)).toEqual([1000, 1000]);
});
