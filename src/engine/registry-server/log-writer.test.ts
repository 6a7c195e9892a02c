import { expect, test } from "bun:test";
import type { AccessRecord } from "../../registry/server/index.ts";
import { LogWriter } from "./log-writer.ts";

const record = (path: string) => ({ path }) as AccessRecord;

test("what a reader takes in pieces arrives whole and in order, the last of it when the log ends", () => {
  let text = "";
  const decoder = new TextDecoder();
  let calls = 0;
  const writer = new LogWriter((bytes) => {
    // Every other time it is busy.
    const taken = ++calls % 2 === 0 ? 0 : Math.min(bytes.byteLength, 7);
    text += decoder.decode(bytes.subarray(0, taken), { stream: true });
    return taken;
  });
  const paths = Array.from({ length: 50 }, (_, i) => `/v2/ä${i}`);
  for (const path of paths) writer.log(record(path));
  writer[Symbol.dispose]();
  expect(text.trimEnd().split("\n")).toEqual(paths.map((path) => JSON.stringify({ path })));
});

test("a reader that takes nothing is not waited for without end", () => {
  const writer = new LogWriter(() => 0);
  writer.log(record("/"));
  writer[Symbol.dispose]();
});
