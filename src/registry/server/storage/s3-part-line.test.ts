import { expect, test } from "bun:test";
import { Part, partSize } from "./s3-part.ts";
import { PartLine, type StoredPart } from "./s3-part-line.ts";

/** Parts whose sending ends when the test says so. */
function sender() {
  const sent: { number: number; byte: number; end: PromiseWithResolvers<void> }[] = [];
  const send = async (part: Part, number: number): Promise<StoredPart> => {
    const [byte] = new Uint8Array(await part.blob.arrayBuffer());
    const end = Promise.withResolvers<void>();
    sent.push({ number, byte: byte!, end });
    await end.promise;
    return { etag: `${number}:${byte}`, size: part.length };
  };
  return { sent, send };
}

function filled(part: Part, byte: number): Part {
  part.write(new Uint8Array(1000).fill(byte));
  return part;
}

/** Waits until so many were handed over to be sent. */
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    if (i > 2000) throw new Error("it does not happen");
    await Bun.sleep(1);
  }
}

test("several are sent at once while the next is filled, and stored in order whoever is first", async () => {
  const { sent, send } = sender();
  const line = new PartLine(5, send);
  let part = new Part();
  for (const byte of [1, 2, 3]) part = await line.exchange(filled(part, byte));
  await until(() => sent.length === 3);
  // A fourth waits until the first is stored.
  let last: Part | undefined;
  const fourth = line.exchange(filled(part, 4)).then((next) => {
    last = next;
  });
  await until(() => sent.length === 4);
  for (const { end } of sent.slice(1).reverse()) end.resolve();
  await Bun.sleep(5);
  expect(last).toBeUndefined();
  sent[0]!.end.resolve();
  await fourth;
  expect(last!.length).toBe(0);
  last!.release();
  const { stored, failed } = await line.settle();
  expect(stored.map(({ etag }) => etag)).toEqual(["6:1", "7:2", "8:3", "9:4"]);
  expect(failed).toBeUndefined();
});

test("of a part that cannot be stored the bytes are kept, and what came after it is not counted", async () => {
  const { sent, send } = sender();
  const line = new PartLine(0, send);
  let part = new Part();
  for (const byte of [1, 2, 3]) part = await line.exchange(filled(part, byte));
  part.release();
  await until(() => sent.length === 3);
  sent[0]!.end.resolve();
  sent[1]!.end.reject(new Error("no"));
  sent[2]!.end.resolve();
  const { stored, failed } = await line.settle();
  expect(stored.map(({ etag }) => etag)).toEqual(["1:1"]);
  expect(String(failed!.error)).toContain("no");
  expect(new Uint8Array(await failed!.part.blob.arrayBuffer())).toEqual(new Uint8Array(1000).fill(2));
  failed!.part.release();
});

test("many lines at once: what is sent at once is bounded, each has its turn and keeps its own", async () => {
  let now = 0;
  let most = 0;
  const send = async (part: Part, number: number): Promise<StoredPart> => {
    most = Math.max(most, ++now);
    await Bun.sleep(number % 3);
    const bytes = new Uint8Array(await part.blob.slice(0, 1).arrayBuffer());
    now--;
    return { etag: `${number}:${bytes[0]}`, size: part.length };
  };
  const chunk = new Uint8Array(partSize);
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const line = new PartLine(0, send);
      let part = new Part();
      for (let number = 1; number <= 4; number++) {
        part.write(chunk.fill(i));
        part = await line.exchange(part);
      }
      part.release();
      const { stored } = await line.settle();
      expect(stored).toEqual([1, 2, 3, 4].map((number) => ({ etag: `${number}:${i}`, size: partSize })));
    }),
  );
  expect(most).toBeGreaterThan(4);
  expect(most).toBeLessThanOrEqual(8);
});
