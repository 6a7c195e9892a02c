import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: killed run: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("a killed run", () => {
  let strake: Strake;

  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  });
  afterAll(async () => await strake?.remove());

  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(strake.home));

  test("kill -9 of run: the container goes on, its end is noticed, nothing is left", async () => {
    for (let round = 0; round < 10; round++) {
      const child = strake.spawn(["run", "--rm", "busybox:1", "sleep", "0.2"]);
      await Bun.sleep(Math.random() * 300);
      child.kill("SIGKILL");
      await child.exited;
    }
    // Killed before the start, it stays created, as in Docker; what was started ends and goes.
    const left = async () =>
      (await strake.ok("ps", "-a", "--format", "{{.Status}}")).split("\n").filter(Boolean);
    const isCreated = (status: string) => status === "Created";
    for (let tries = 0; tries < 100 && !(await left()).every(isCreated); tries++) {
      await Bun.sleep(100);
      await strake.ok("gc");
    }
    expect((await left()).filter((status) => !isCreated(status))).toEqual([]);
    await strake.ok("container", "prune", "-f");
    expect(await left()).toEqual([]);
    expect((await strake.run(["gc", "--verify"])).stdout).toEndWith("clean\n");
    expect(mounts()).toEqual([]);
  }, 120_000);

  test("a run that is refused leaves nothing of the monitor that it had started already", async () => {
    // Of its own: containers of the test before may still be ending.
    const own = makeStrake();
    await own.ok("bootstrap", "busybox", "-t", "busybox:1");
    const folders = ["root/containers", "run/containers", "run/locks", "run/runtime/crun"];
    const left = () =>
      folders.flatMap((name) => {
        const path = `${own.home}/${name}`;
        return existsSync(path) ? readdirSync(path).map((entry) => `${name}/${entry}`) : [];
      });
    await own.ok("run", "-d", "--name", "taken", "busybox:1", "sleep", "100");
    const before = left();
    for (const how of [["--rm"], ["-d"], ["-d", "--rm"]]) {
      const { code, stderr } = await own.run(["run", ...how, "--name", "taken", "busybox:1", "true"]);
      expect([code, stderr]).toEqual([125, expect.stringContaining('the name "taken" is already used')]);
    }
    // The monitor of a detached one looks once more whether there is something to clean up.
    for (let tries = 0; tries < 100 && left().length > before.length; tries++) await Bun.sleep(100);
    expect(left()).toEqual(before);
    await own.ok("rm", "-f", "taken");
    expect(left()).toEqual([]);
    await own.remove();
  }, 60_000);
});
