import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: faults: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("faults", () => {
  let strake: Strake;
  let context: string;

  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
    context = join(strake.home, "context");
    mkdirSync(context);
    for (let i = 0; i < 300; i++) writeFileSync(join(context, `file${i}`), `${i}\n`.repeat(500));
    const lines = [
      "FROM busybox:1",
      "COPY . /data",
      "RUN cat /data/* > /all",
      "RUN sleep 0.1; echo 1 > /one",
      "CMD cat /one",
    ];
    writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
  });
  afterAll(async () => await strake?.remove());

  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(strake.home));

  test("two builds of one Dockerfile at once both succeed", async () => {
    const args = ["build", "-q", "-t", "twice", context];
    const outcomes = await Promise.all([strake.run(args), strake.run(args), strake.run(args)]);
    for (const outcome of outcomes) expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(await strake.ok("run", "--rm", "twice")).toBe("1\n");
    expect(await strake.ok("gc", "--verify")).toContain("clean");
  });

  test("kill -9 at random moments, 50 times: the store is clean and the next build works", async () => {
    for (let round = 0; round < 50; round++) {
      const child = strake.spawn([
        "build",
        "-q",
        ...(round % 3 === 0 ? [] : ["--no-cache"]),
        "-t",
        "killed",
        context,
      ]);
      await Bun.sleep(Math.random() * 500);
      child.kill("SIGKILL");
      await child.exited;
    }
    expect((await strake.run(["gc", "--verify"])).stdout).toEndWith("clean\n");
    await strake.ok("build", "--no-cache", "-q", "-t", "killed", context);
    expect(await strake.ok("run", "--rm", "killed")).toBe("1\n");
    expect(mounts()).toEqual([]);
  }, 180_000);

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
  }, 60_000);
});
