import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { releaseContainer } from "./release.ts";
import { findProgram, Runtime } from "./runtime.ts";

const home = mkdtempSync(join(tmpdir(), "strake-release-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const obstacle = findProgram("crun") === undefined ? "crun is not installed" : undefined;
if (obstacle) console.log(`skipped: ${obstacle}`);

/** The fifo of a container as crun makes it. */
function fifoOf(runtime: Runtime, id: string): string {
  const folder = join(runtime.stateRoot, id);
  mkdirSync(folder, { recursive: true });
  const fifo = join(folder, "exec.fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  return fifo;
}

test.skipIf(obstacle !== undefined)("who waits at the fifo gets one byte, and the fifo goes", async () => {
  const runtime = Runtime.find({ runRoot: home, prefer: "crun" });
  const fifo = fifoOf(runtime, "waiting");
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  await releaseContainer(runtime, "waiting");
  const bytes = new Uint8Array(4);
  expect(readSync(reader, bytes)).toBe(1);
  expect(bytes[0]).toBe(0);
  expect(existsSync(fifo)).toBe(false);
  closeSync(reader);
});

test.skipIf(obstacle !== undefined)(
  "where nobody waits the runtime is asked, and says what it does not know",
  async () => {
    const runtime = Runtime.find({ runRoot: home, prefer: "crun" });
    const fifo = fifoOf(runtime, "nobody");
    for (const id of ["nobody", "none-such"])
      await expect(releaseContainer(runtime, id)).rejects.toMatchObject({ code: "CONTAINER_START_FAILED" });
    expect(existsSync(fifo)).toBe(true);
  },
);
