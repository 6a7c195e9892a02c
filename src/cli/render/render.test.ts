import { expect, test } from "bun:test";
import { StrakeError } from "../../errors/index.ts";
import type { StrakeEvent } from "../../events/index.ts";
import { plainStart, renderPlain } from "./plain.ts";
import { advance, noProgress } from "./progress-state.ts";
import { renderRawJSON } from "./rawjson.ts";
import { bar, totalsText } from "./transfer-text.ts";
import { renderFrame } from "./tty.ts";

const log = (step: string, text: string, at: number): StrakeEvent => ({
  ...{ type: "step.log", step, stream: "stdout", at },
  data: Buffer.from(text),
});

const events: readonly StrakeEvent[] = [
  { type: "step.started", step: "0.1", name: "[1/3] FROM base", kind: "build", at: 1000 },
  { type: "step.done", step: "0.1", outcome: "cached", at: 1001 },
  { type: "step.started", step: "0.2", name: "[2/3] RUN make", kind: "build", at: 1001 },
  { type: "step.started", step: "1.1", name: "[other 1/1] COPY . .", kind: "build", at: 1010 },
  log("0.2", "cc -o a", 1050),
  log("0.2", "pp\nprogress 1%\rprogress 100%\nrest", 1100),
  { type: "step.progress", step: "1.1", unit: "files", current: 120, total: 500, at: 1110 },
  { type: "step.done", step: "1.1", outcome: "done", at: 1200 },
  {
    ...{ type: "step.done", step: "0.2", outcome: "failed", at: 2301 },
    error: new StrakeError("BUILD_RUN_FAILED", "make failed", { hint: "look" }),
  },
  { type: "warning", code: "Odd", message: "odd", source: { startLine: 3, endLine: 3 }, at: 2302 },
  { type: "image", id: "sha256:1", tags: ["x:1"], at: 2303 },
];

function plain(all: readonly StrakeEvent[]): string {
  let state = plainStart;
  let out = "";
  for (const event of all) {
    const rendered = renderPlain(state, event);
    state = rendered.state;
    out += rendered.text;
  }
  return out;
}

const after = (count: number) => events.slice(0, count).reduce(advance, noProgress);

test("plain: steps of parallel stages are told apart by number", () => {
  expect(plain(events)).toBe(`#1 [1/3] FROM base
#1 CACHED

#2 [2/3] RUN make
#3 [other 1/1] COPY . .
#2 0.099 cc -o app
#2 0.099 progress 100%
#3 DONE 0.19s

#2 rest
#2 ERROR: make failed

warning: Odd: odd (Dockerfile:3)
`);
});

test("tty: running steps with their last lines, finished ones with their time", () => {
  const options = { now: 1150, columns: 50, rows: 20, color: false };
  expect(renderFrame(after(7), options)).toEqual([
    "[+] 0.15s (1/3)",
    " ✔ [1/3] FROM base                         cached",
    expect.stringMatching(/^ . \[2\/3\] RUN make {26,}0\.15s$/),
    " => => cc -o app",
    " => => progress 100%",
    " => => rest",
    expect.stringMatching(/^ . \[other 1\/1\] COPY \. \. +120 files \/ 500 files$/),
  ]);
  for (const line of renderFrame(after(9), { ...options, now: 3000 }))
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(50);
  expect(renderFrame(after(9), { ...options, now: 3000 })[2]).toStartWith(" ✘ [2/3] RUN make");
});

test("tty: what does not fit goes at the top; escapes of programs do not reach the terminal", () => {
  let state = noProgress;
  for (let i = 0; i < 30; i++)
    state = advance(state, { type: "step.started", step: `s${i}`, name: `step ${i}`, kind: "build", at: i });
  state = advance(state, log("s29", "\x1b[2J\x1b]0;title\x07red\x1b[31m\x08\n", 40));
  const frame = renderFrame(state, { now: 100, columns: 40, rows: 10, color: false });
  expect(frame).toHaveLength(9);
  expect(frame.join("")).toContain("step 29");
  expect(frame.join("")).not.toContain("step 2 ");
  expect(frame.join("\n")).not.toMatch(/[\x07\x08\x1b]/);
});

test("colour only where it is wanted", () => {
  const plain = renderFrame(after(9), { now: 3000, columns: 60, rows: 20, color: false }).join("");
  const coloured = renderFrame(after(9), { now: 3000, columns: 60, rows: 20, color: true }).join("");
  expect(plain).not.toContain("\x1b");
  expect(coloured).toContain("\x1b[31m✘\x1b[0m");
});

test("rawjson: one object a line, bytes as base64, errors with code", () => {
  const lines = events.map((event) => JSON.parse(renderRawJSON(event)));
  expect(lines[4]).toEqual({
    type: "step.log",
    step: "0.2",
    stream: "stdout",
    at: 1050,
    data: "Y2MgLW8gYQ==",
  });
  expect(lines[8].error).toEqual({ code: "BUILD_RUN_FAILED", message: "make failed", hint: "look" });
  for (const event of events) expect(renderRawJSON(event).split("\n")).toHaveLength(2);
});

const speed = 20_000_000;
const transfer = (step: string, total: number, at: number): StrakeEvent => ({
  ...{ type: "step.started", step, name: `pull ${step.repeat(12)}`, kind: "transfer", total, at },
});
const transfers: readonly StrakeEvent[] = [
  transfer("a", 100_000_000, 1000),
  transfer("b", 30_000_000, 1000),
  {
    ...{ type: "step.done", step: "b", outcome: "cached", reason: "already here", bytes: 30_000_000 },
    at: 1001,
  },
  transfer("c", 5_000_000, 1001),
  {
    ...{
      type: "step.done",
      step: "c",
      outcome: "cached",
      reason: "mounted from team/base",
      bytes: 5_000_000,
    },
    at: 1100,
  },
  {
    ...{ type: "step.progress", step: "a", unit: "bytes", current: 25_000_000, total: 100_000_000 },
    ...{ bytesPerSecond: speed, at: 2250 },
  },
  {
    ...{ type: "step.progress", step: "a", unit: "bytes", current: 100_000_000, total: 100_000_000 },
    ...{ bytesPerSecond: speed, at: 6000 },
  },
  {
    ...{ type: "step.done", step: "a", outcome: "done", bytes: 100_000_000, bytesPerSecond: speed },
    at: 6000,
  },
  {
    ...{ type: "transfer.done", verb: "pull", moved: { blobs: 1, bytes: 100_000_000 }, ms: 5000, at: 6000 },
    bytesPerSecond: speed,
    skipped: [
      { reason: "already here", blobs: 1, bytes: 30_000_000 },
      { reason: "mounted from team/base", blobs: 1, bytes: 5_000_000 },
    ],
  },
];

test("plain: transfers with bytes and speed, what was skipped and why, and a last line with all of it", () => {
  expect(plain(transfers)).toBe(`#1 pull aaaaaaaaaaaa 100MB
#2 pull bbbbbbbbbbbb 30MB
#2 CACHED already here 30MB

#3 pull cccccccccccc 5MB
#3 CACHED mounted from team/base 5MB

#1 100MB / 100MB 100% 20MB/s
#1 DONE 5.0s 100MB 20MB/s

pulled 1 blob, 100MB in 5.0s (20MB/s); already here: 1 blob, 30MB; mounted from team/base: 1 blob, 5MB
`);
});

test("tty: a bar for each layer that moves, with its speed; the totals below", () => {
  const options = { now: 2300, columns: 80, rows: 20, color: false };
  const moving = transfers.slice(0, 6).reduce(advance, noProgress);
  expect(renderFrame(moving, options)).toEqual([
    "[+] 1.3s (2/3)",
    expect.stringMatching(/^ . pull aaaaaaaaaaaa +\[={5}> {19}\] +25MB \/ 100MB +20MB\/s$/),
    expect.stringMatching(/^ ✔ pull bbbbbbbbbbbb +already here {2}30MB$/),
    expect.stringMatching(/^ ✔ pull cccccccccccc +mounted from team\/base {2}5MB$/),
  ]);
  for (const columns of [30, 40, 60, 200])
    for (const line of renderFrame(moving, { ...options, columns }))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  expect(renderFrame(moving, { ...options, columns: 50 })[1]).toEndWith("25MB / 100MB  20MB/s");
  expect(renderFrame(moving, { ...options, now: 9250 })[1]).toEndWith("no byte for 7.0s");
  const done = transfers.reduce(advance, noProgress);
  expect(renderFrame(done, { ...options, columns: 120, now: 7000 }).slice(1)).toEqual([
    expect.stringMatching(/^ ✔ pull aaaaaaaaaaaa +100MB {2}20MB\/s {2}5\.0s$/),
    expect.any(String),
    expect.any(String),
    "pulled 1 blob, 100MB in 5.0s (20MB/s); already here: 1 blob, 30MB; mounted from team/base: 1 blob, 5MB",
  ]);
});

test("tty: of more layers than fit, those that move are seen", () => {
  let state = advance(noProgress, transfer("a", 100, 0));
  for (let i = 0; i < 30; i++) {
    const step = `${i}.`;
    state = advance(state, transfer(step, 100, i));
    state = advance(state, { type: "step.done", step, outcome: "done", bytes: 100, at: i });
  }
  const frame = renderFrame(state, { now: 100, columns: 80, rows: 10, color: false });
  expect(frame).toHaveLength(9);
  expect(frame[1]).toContain("pull aaaaaaaaaaaa");
  expect(frame.at(-1)).toContain("pull 29.");
});

test("a bar is as wide as asked, whatever part is done", () => {
  expect([-1, 0, 0.5, 1, 2].map((part) => bar(part, 10))).toEqual([
    "[        ]",
    "[        ]",
    "[===>    ]",
    "[========]",
    "[========]",
  ]);
});

test("totals of a transfer that had nothing to move", () => {
  const skipped = [{ reason: "already there", blobs: 2, bytes: 1500 }] as const;
  const nothing = { blobs: 0, bytes: 0 };
  expect(
    totalsText({
      ...{ type: "transfer.done", verb: "push", moved: nothing, skipped, ms: 3, bytesPerSecond: 0, at: 1 },
    }),
  ).toBe("pushed nothing; already there: 2 blobs, 1.5kB");
});
