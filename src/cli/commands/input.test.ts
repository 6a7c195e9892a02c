import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cli } from "../cli.ts";
import { openInput } from "./input.ts";

function cliWith(signal: AbortSignal): Cli {
  return { cwd: "/", signal, terminal: {} } as unknown as Cli;
}

test("chunks that were read are let go while the stream goes on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-input-"));
  try {
    const path = join(folder, "large");
    writeFileSync(path, Buffer.alloc(64 << 20));
    const seen: WeakRef<Uint8Array>[] = [];
    for await (const chunk of openInput(cliWith(new AbortController().signal), path)) {
      seen.push(new WeakRef(chunk));
      await Bun.sleep(0);
    }
    // The collector looks at the stack too and may take an old word there for one of them, for a while.
    const kept = () => seen.filter((ref) => ref.deref() !== undefined).length;
    for (let tries = 0; tries < 100 && kept() > 8; tries++) {
      await Bun.sleep(1);
      Bun.gc(true);
    }
    expect([seen.length >= 32, kept() <= 8]).toEqual([true, true]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an interrupt between two reads ends the next one", async () => {
  const controller = new AbortController();
  const input = openInput(cliWith(controller.signal), "/proc/self/exe")[Symbol.asyncIterator]();
  await input.next();
  controller.abort(new Error("enough"));
  await expect(
    (async () => {
      while (!(await input.next()).done);
    })(),
  ).rejects.toMatchObject({ code: "CANCELED" });
});
