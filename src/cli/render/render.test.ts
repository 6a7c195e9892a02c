import { expect, test } from "bun:test";
import { StrakeError } from "../../errors/index.ts";
import type { StrakeEvent } from "../../events/index.ts";
import { plainStart, renderPlain } from "./plain.ts";
import { advance, noProgress } from "./progress-state.ts";
import { renderRawJSON } from "./rawjson.ts";
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

const after = (count: number) => events.slice(0, count).reduce(advance, noProgress);

test("plain: steps of parallel stages are told apart by number", () => {
  let state = plainStart;
  let out = "";
  for (const event of events) {
    const rendered = renderPlain(state, event);
    state = rendered.state;
    out += rendered.text;
  }
  expect(out).toBe(`#1 [1/3] FROM base
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
