import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle } from "../support/strake.ts";
import { lastingTraces } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/hung-up.test.ts skipped: ${obstacle}`);

/** How CI servers cancel a job, and what becomes of one whose terminal or log goes away. */
describe.skipIf(obstacle !== undefined)("a build that is asked to end", () => {
  let shop: FaultShop;
  beforeAll(async () => {
    shop = await makeFaultShop();
  });
  afterAll(async () => await shop?.remove());

  /** Starts a build of RUN lines, sends the signal once `started` is read, and gives the exit code. */
  async function signalled(name: NodeJS.Signals, command: string, ...before: string[]): Promise<number> {
    const dockerfile = join(shop.home, "Dockerfile");
    writeFileSync(dockerfile, `FROM busybox:1\nRUN echo started; ${command}\n`);
    const words = ["build", "--progress", "plain", "-f", dockerfile, shop.context];
    const child = Bun.spawn([...before, ...shop.program, ...words], {
      env: shop.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let said = "";
    let sent = false;
    for await (const chunk of child.stderr) {
      said += Buffer.from(chunk).toString();
      if (sent || !/^#\d+ [0-9.]+ started$/m.test(said)) continue;
      sent = true;
      child.kill(name);
    }
    return await child.exited;
  }

  const runFiles = () =>
    ["network/leases", "steps"].flatMap((folder) => readdirSync(join(shop.home, "run", folder)));

  test.each([
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s ends with %d and leaves nothing", async (name, code) => {
    const before = shop.stored();
    expect(await signalled(name, "sleep 1001")).toBe(code);
    expect(shop.stored()).toEqual(before);
    expect(runFiles()).toEqual([]);
    expect(await lastingTraces(shop.home, ["sleep 1001"])).toEqual([]);
  });

  test("goes on under nohup when the terminal hangs up", async () => {
    expect(await signalled("SIGHUP", "sleep 1", "nohup")).toBe(0);
  });

  test("goes on when what it says cannot be written, such as to a log on a full disk", async () => {
    const dockerfile = join(shop.home, "Dockerfile");
    writeFileSync(dockerfile, "FROM busybox:1\nRUN echo said\n");
    for (const [args, code] of [
      [["build", "--progress", "plain", "-t", "made", "-f", dockerfile, shop.context], 0],
      [["inspect", "absent"], 1],
    ] as const) {
      const stderr = Bun.file("/dev/full");
      const child = Bun.spawn([...shop.program, ...args], { env: shop.env, stdout: "pipe", stderr });
      expect({ args, code: await child.exited }).toEqual({ args, code });
    }
    expect(await shop.ok("images", "-q", "made")).not.toBe("");
  });
});
