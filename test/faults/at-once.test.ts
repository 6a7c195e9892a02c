import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle, type Outcome } from "../support/strake.ts";
import { lastingTraces } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/at-once.test.ts skipped: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("at once", () => {
  let shop: FaultShop;
  beforeAll(async () => {
    shop = await makeFaultShop();
    mkdirSync(join(shop.context, "many"));
    for (let i = 0; i < 300; i++) writeFileSync(join(shop.context, `many/${i}`), `file ${i}\n`.repeat(100));
  });
  afterAll(async () => await shop?.remove());

  test.each([2, 4])("%d builds of the same Dockerfile: all succeed, with one image", async (count) => {
    const dockerfile = `FROM busybox:1\nLABEL round=${count}\nCOPY many /many\nRUN cat /many/* | sort > /sorted\nRUN date +%s%N > /time\n`;
    const built = await Promise.all(
      Array.from({ length: count }, (_, i) => shop.build(dockerfile, "-q", "--no-cache", "-t", `same:${i}`)),
    );
    for (const outcome of built) expect(outcome).toEqual({ code: 0, stdout: expect.any(String), stderr: "" });
    // Each ran the command that reads the clock; who asks the cache afterwards gets one of the results.
    const cached = await Promise.all(Array.from({ length: count }, () => shop.build(dockerfile, "-q")));
    expect(new Set(cached.map(({ stdout }) => stdout)).size).toBe(1);
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
  });

  test("builds of one image from cached steps, which nobody made before, give it one time", async () => {
    const dockerfile = "FROM busybox:1\nCOPY many /many\n";
    await shop.build(dockerfile, "-q");
    for (let round = 0; round < 40; round++) {
      const labelled = () => shop.build(dockerfile, "-q", "--label", `round=${round}`);
      const built = await Promise.all([labelled(), labelled(), labelled()]);
      expect(new Set(built.map(({ stdout }) => stdout)).size).toBe(1);
    }
  });

  test.each([2, 4])("%d builds that nothing was cached for give one image", async (count) => {
    await shop.ok("gc", "--cache");
    const dockerfile = `FROM busybox:1\nENV round=${count}\nCOPY many /many\nRUN touch -d @1000000000 /done /\n`;
    const built = await Promise.all(
      Array.from({ length: count }, () => shop.build(dockerfile, "-q", "--build-arg", "SOURCE_DATE_EPOCH=5")),
    );
    for (const { code, stderr } of built)
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);
    expect(new Set(built.map(({ stdout }) => stdout)).size).toBe(1);
  });

  test("builds, containers, removals, saves and collections do not disturb each other", async () => {
    const until = Date.now() + 15_000;
    const failures: string[] = [];
    let rounds = 0;
    const check = (what: string, { code, stderr }: Outcome, allowed?: RegExp) => {
      rounds++;
      if (code !== 0 && !allowed?.test(stderr)) failures.push(`${what}: ${code} ${stderr}`);
    };
    const loop = async (work: (round: number) => Promise<void>) => {
      for (let round = 0; Date.now() < until && failures.length === 0; round++) await work(round);
    };
    // Removed by somebody else between two of our commands: the one thing that may happen.
    const gone = /no such image|not found|there is no image|no image/i;
    await Promise.all([
      loop(async (round) => {
        const text = `FROM busybox:1\nCOPY many /many\nRUN echo ${round} > /round\n`;
        check("build", await shop.build(text, "-t", "loop:build"));
        check(
          "run",
          await shop.run(["run", "--rm", "--network", "none", "loop:build", "cat", "/round"]),
          gone,
        );
      }),
      loop(async (round) => {
        const text = `FROM busybox:1\nCOPY many /other\nENV a=${round % 3}\nRUN true\n`;
        check("other build", await shop.build(text, "-t", "loop:other", "-t", "loop:more"));
        check("rmi", await shop.run(["rmi", "loop:more"]), gone);
      }),
      loop(async (round) => {
        check("gc", await shop.run(round % 2 ? ["gc", "--cache"] : ["gc", "--verify"]));
        check("prune", await shop.run(["image", "prune", "-f"]));
        check("rmi", await shop.run(["rmi", "-f", "loop:build"]), gone);
      }),
      loop(async () => {
        const archive = join(shop.home, "loop.tar");
        check("save", await shop.run(["save", "-o", archive, "busybox:1"]));
        check("load", await shop.run(["load", "-i", archive]));
        check("images", await shop.run(["images"]));
        check("df", await shop.run(["df"]));
        check("ps", await shop.run(["ps", "-a"]));
      }),
    ]);
    expect(failures).toEqual([]);
    expect(rounds).toBeGreaterThan(20);
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
    expect(await lastingTraces(shop.home)).toEqual([]);
  });
});
