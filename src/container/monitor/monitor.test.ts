import { describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseReport } from "./conmon.ts";
import { DetachKeys } from "./detach-keys.ts";
import { type LogLine, type LogOptions, parseLogLine, readLog } from "./log.ts";

const bytes = (text: string) => Buffer.from(text);
const stamp = "2026-11-21T04:44:46.090235826+00:00";

describe("the log", () => {
  test("reads conmon's lines; P lines go on in the next", () => {
    const full = parseLogLine(bytes(`${stamp} stdout F hello world`))!;
    expect(full.stream).toBe("stdout");
    expect(full.time).toBe(stamp.replace("+00:00", "Z"));
    const summer = parseLogLine(bytes("2026-06-01T01:30:00.000000001+02:00 stdout F x"))!;
    expect(summer.time).toBe("2026-05-31T23:30:00.000000001Z");
    expect(Buffer.from(full.data).toString()).toBe("hello world\n");
    expect(Buffer.from(parseLogLine(bytes(`${stamp} stderr P part`))!.data).toString()).toBe("part");
    expect(Buffer.from(parseLogLine(bytes(`${stamp} stderr F `))!.data).toString()).toBe("\n");
  });

  test.each([
    "",
    "garbage",
    `${stamp} stdout X what`,
    `${stamp} other F what`,
    "rest of a line that was cut F x",
  ])("skips %p", (line) => {
    expect(parseLogLine(bytes(line))).toBeUndefined();
  });

  async function collect(text: string, options: LogOptions): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "strake-log-"));
    writeFileSync(join(folder, "log"), text);
    const lines: string[] = [];
    const source = { path: join(folder, "log"), isOpen: () => false };
    for await (const line of readLog(source, options)) lines.push(text_(line));
    rmSync(folder, { recursive: true });
    return lines;
  }
  const text_ = (line: LogLine) => Buffer.from(line.data).toString().trimEnd();
  const many = Array.from(
    { length: 500 },
    (_, n) => `2026-01-01T00:00:${String(n % 60).padStart(2, "0")}Z stdout F ${n}\n`,
  );

  test("tail gives the last lines, 0 none", async () => {
    expect(await collect(many.join(""), { tail: 2 })).toEqual(["498", "499"]);
    expect(await collect(many.join(""), { tail: 0 })).toEqual([]);
    expect(await collect(many.join(""), {})).toHaveLength(500);
  });

  test("since and until cut by time", async () => {
    const log = [10, 20, 30].map((second) => `2026-01-01T00:00:${second}Z stdout F ${second}\n`).join("");
    const at = (second: number) => Date.parse(`2026-01-01T00:00:${second}Z`);
    expect(await collect(log, { since: at(15) })).toEqual(["20", "30"]);
    expect(await collect(log, { until: at(20) })).toEqual(["10", "20"]);
  });

  test("follow reads on behind a rotation and stops at the end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "strake-log-"));
    const path = join(folder, "log");
    writeFileSync(path, `${stamp} stdout F one\n${stamp} stdout F half`);
    let open = true;
    const seen: string[] = [];
    for await (const line of readLog({ path, isOpen: () => open }, { follow: true })) {
      seen.push(text_(line));
      if (seen.length === 1) writeFileSync(path, ` a line\n${stamp} stdout F two\n`, { flag: "a" });
      if (seen.at(-1) === "two") {
        writeFileSync(`${path}.new`, `${stamp} stdout F three\n`);
        renameSync(`${path}.new`, path);
      }
      if (seen.at(-1) === "three") open = false;
    }
    rmSync(folder, { recursive: true });
    expect(seen).toEqual(["one", "half a line", "two", "three"]);
  });
});

describe("detach keys", () => {
  const feed = (keys: DetachKeys, text: string) => {
    const { data, detach } = keys.filter(bytes(text));
    return [Buffer.from(data).toString(), detach];
  };

  test("are found across reads and not handed on", () => {
    const keys = new DetachKeys("ctrl-p,ctrl-q");
    expect(feed(keys, "ab\x10")).toEqual(["ab", false]);
    expect(feed(keys, "\x11rest")).toEqual(["", true]);
  });

  test("half of them is handed on when something else follows", () => {
    const keys = new DetachKeys("ctrl-p,ctrl-q");
    expect(feed(keys, "\x10x")).toEqual(["\x10x", false]);
    expect(feed(keys, "\x10\x10\x11")).toEqual(["\x10", true]);
  });

  test("none is never", () => {
    expect(feed(new DetachKeys(""), "\x10\x11")).toEqual(["\x10\x11", false]);
  });

  test("a wrong key is refused", () => {
    expect(() => new DetachKeys("ctrl-1")).toThrow(
      expect.objectContaining({ code: "CONTAINER_OPTIONS_INVALID" }),
    );
  });
});

test("conmon's report", () => {
  expect(parseReport('{"data": 123}\n')).toEqual({ data: 123, message: "" });
  expect(parseReport('{"data": -1, "message": "no"}\n')).toEqual({ data: -1, message: "no" });
  expect(parseReport("")).toEqual({ data: -1, message: "" });
});
