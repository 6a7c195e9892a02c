import { expect, test } from "bun:test";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { makeStrake, program } from "../support/strake.ts";

test("a log that nobody reads does not stop the registry; who reads again learns how many lines are missing", async () => {
  const strake = makeStrake();
  const fifo = join(strake.home, "log");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  // Open for reading and writing it waits for no other end.
  const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const writing = openSync(fifo, constants.O_WRONLY);
  const server = Bun.spawn(
    [...program, "registry", "serve", "--storage", "memory", "--listen", "127.0.0.1:0"],
    { stdout: writing, stderr: "pipe" },
  );
  closeSync(writing);
  try {
    let said = "";
    const reader = server.stderr.getReader();
    while (!/^serving \S+$/m.test(said)) said += Buffer.from((await reader.read()).value!).toString();
    const url = /^serving (\S+)$/m.exec(said)![1]!;
    const count = 4000;
    for (let i = 0; i < count; i++) {
      const path = `v2/${"a".repeat(200)}/manifests/${i}`;
      expect((await fetch(url + path, { signal: AbortSignal.timeout(5000) })).status).toBe(404);
    }
    let text = "";
    const buffer = Buffer.alloc(64 << 10);
    const lines = () => text.split("\n").slice(0, -1);
    const last = () => JSON.parse(lines().at(-1) ?? "{}") as { dropped?: number };
    for (const end = performance.now() + 20_000; last().dropped === undefined && performance.now() < end; ) {
      try {
        text += buffer.toString("utf8", 0, readSync(pipe, buffer));
      } catch {
        await Bun.sleep(5);
      }
    }
    const records = lines().map((line) => JSON.parse(line) as { path?: string });
    const requests = records.filter(({ path }) => path !== undefined);
    expect(requests[0]?.path).toEndWith("/0");
    expect(last().dropped).toBeGreaterThan(0);
    expect(requests.length + last().dropped!).toBe(count);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
    closeSync(pipe);
    await strake.remove();
  }
}, 60_000);
