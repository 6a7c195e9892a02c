import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { errnoName, errnoNumber, errnoOf, fromNodeError, sysError } from "./errno.ts";

describe("errors of the kernel", () => {
  for (const [name, number, errorClass] of [
    ["ENOSPC", 28, "exhausted"],
    ["EDQUOT", 122, "exhausted"],
    ["EACCES", 13, "denied"],
    ["EPERM", 1, "denied"],
    ["ENOENT", 2, "not-found"],
    ["EEXIST", 17, "already-exists"],
    ["EBUSY", 16, "conflict"],
    ["EINVAL", 22, "invalid"],
    ["ENOSYS", 38, "unsupported"],
    ["EIO", 5, "data-loss"],
  ] as const)
    test(`${name} is ${errorClass}`, () => {
      const error = sysError(number, { call: "mount", path: "/there" });
      expect(error.class).toBe(errorClass);
      expect(error.message).toStartWith(`mount /there: ${name}: `);
      expect(errnoOf(error)).toBe(name);
      expect([errnoName(number), errnoNumber(name)]).toEqual([name, number]);
    });

  test("the numbers are the ones of this machine", () => {
    for (const [name, number] of Object.entries(require("node:os").constants.errno as Record<string, number>))
      if (errnoNumber(name) !== 0 && name !== "EWOULDBLOCK" && name !== "ENOTSUP")
        expect([name, errnoNumber(name)]).toEqual([name, number]);
  });

  test("an errno without a name of ours is still told", () => {
    expect(sysError(133, { call: "ioctl" }).message).toBe("ioctl: E133: unknown error");
    expect(sysError(133, { call: "ioctl" }).code).toBe("SYS_FAILED");
  });

  test("a full disk has a hint", () => {
    expect(sysError(28, { call: "write" }).hint).toContain("free disk space");
  });

  test("errors of node:fs become ours, others pass unchanged", () => {
    try {
      readFileSync("/does/not/exist");
    } catch (error) {
      expect(fromNodeError(error)).toMatchObject({ code: "SYS_NOT_FOUND" });
      expect((fromNodeError(error) as StrakeError).message).toContain("/does/not/exist");
      expect(errnoOf(new StrakeError("INTERNAL", "wrapped", { cause: error }))).toBe("ENOENT");
    }
    const other = new TypeError("x");
    expect(fromNodeError(other)).toBe(other);
    expect(errnoOf(other)).toBeUndefined();
    expect(errnoOf("text")).toBeUndefined();
  });
});
