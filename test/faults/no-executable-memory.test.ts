import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStrake, type Strake } from "../support/strake.ts";

/** As under `ulimit -v` and systemd's MemoryDenyWriteExecute: there is no compiled code, and with it no call of libc. */
describe("without memory that can be executed", () => {
  let strake: Strake;
  beforeAll(() => {
    strake = makeStrake();
  });
  afterAll(async () => await strake?.remove());

  const env = { BUN_JSC_useJIT: "0" };

  test("what needs no system call works", async () => {
    expect(await strake.run(["images", "-q"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("what does says why it cannot be", async () => {
    const context = join(strake.home, "context");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
    const { code, stdout, stderr } = await strake.run(["build", "-q", context], { env });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("can be loaded: TypeError: bun:ffi requires the JIT\n");
    expect(stderr).toEndWith(
      "hint: allow this process more address space (ulimit -v) and memory that can be executed (MemoryDenyWriteExecute, SELinux's execmem)\n",
    );
    expect(stderr.match(/^error:/gm)).toHaveLength(1);
  });
});
