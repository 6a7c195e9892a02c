import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFile, tryLockFile } from "./lock.ts";

describe.skipIf(process.platform !== "linux")("file locks", () => {
  let folder = "";
  let path = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "strake-lock-"));
    path = join(folder, "lock");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("an exclusive lock keeps others out until it is released, which can be repeated", () => {
    const held = tryLockFile(path);
    expect(held).toBeDefined();
    expect(tryLockFile(path)).toBeUndefined();
    expect(tryLockFile(path, "shared")).toBeUndefined();
    held!.release();
    held!.release();
    tryLockFile(path)!.release();
  });

  test("shared locks live together and keep out an exclusive one", () => {
    using _one = tryLockFile(path, "shared")!;
    using _two = tryLockFile(path, "shared")!;
    expect(tryLockFile(path)).toBeUndefined();
  });

  test("waiting gets its turn", async () => {
    const order: string[] = [];
    const first = await lockFile(path);
    const waiting = lockFile(path).then((lock) => {
      order.push("second");
      lock.release();
    });
    await Bun.sleep(20);
    order.push("first");
    first.release();
    await waiting;
    expect(order).toEqual(["first", "second"]);
  });

  test("waiting ends when its signal is aborted", async () => {
    using _held = await lockFile(path);
    const abort = new AbortController();
    const waiting = lockFile(path, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELED" });
  });

  test("the lock of a process that was killed is free", async () => {
    const program = `
      const { lockFile } = await import(${JSON.stringify(new URL("lock.ts", import.meta.url).href)});
      await lockFile(${JSON.stringify(path)});
      console.log("locked");
      setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toContain("locked");
    expect(tryLockFile(path)).toBeUndefined();
    child.kill("SIGKILL");
    await child.exited;
    using lock = tryLockFile(path);
    expect(lock).toBeDefined();
  });

  test("a folder that does not exist is told", async () => {
    await expect(lockFile(join(folder, "no/lock"))).rejects.toMatchObject({ code: "SYS_NOT_FOUND" });
  });
});
