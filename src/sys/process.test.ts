import { describe, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import {
  isProcessAlive,
  kill,
  parseProcessStat,
  pidfdOpen,
  pidfdSendSignal,
  processStartTime,
  processStat,
} from "./process.ts";

describe("the text of /proc/PID/stat", () => {
  const rest = "S 7 12 12 0 -1 4194560 2117 0 0 0 1 1 0 0 20 0 1 0 98765 5000000 300";

  for (const command of ["bash", "a b", "x) S 1 (y", "", "()"])
    test(`command ${JSON.stringify(command)}`, () => {
      expect(parseProcessStat(`12 (${command}) ${rest}`)).toEqual({
        command,
        state: "S",
        parent: 7,
        startTime: 98765,
      });
    });

  for (const text of ["", "12", "12 (bash", "12 (bash) S 7"])
    test(`${JSON.stringify(text)} is nothing`, () => {
      expect(parseProcessStat(text)).toBeUndefined();
    });
});

describe.skipIf(process.platform !== "linux")("processes", () => {
  test("this process is alive under its start time and no other", () => {
    const start = processStartTime(process.pid)!;
    expect(isProcessAlive(process.pid, start)).toBe(true);
    expect(isProcessAlive(process.pid, start + 1)).toBe(false);
    expect(isProcessAlive(process.pid)).toBe(true);
    expect(processStat(process.pid)?.parent).toBe(process.ppid);
  });

  test("a killed process is not alive, and signals no longer reach it", async () => {
    const child = Bun.spawn(["sleep", "60"]);
    const fd = pidfdOpen(child.pid)!;
    const start = processStartTime(child.pid);
    expect([kill(child.pid, 0), pidfdSendSignal(fd, 0)]).toEqual([true, true]);
    expect(kill(child.pid, 9)).toBe(true);
    expect(await child.exited).toBe(137);
    expect(isProcessAlive(child.pid, start)).toBe(false);
    expect([kill(child.pid, 0), pidfdSendSignal(fd, 0)]).toEqual([false, false]);
    expect(pidfdOpen(child.pid)).toBeUndefined();
    closeSync(fd);
  });

  test("a wrong signal number is invalid", () => {
    expect(() => kill(process.pid, 999)).toThrow("EINVAL");
  });
});
