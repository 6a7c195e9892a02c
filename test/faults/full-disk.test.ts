import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mount, umount } from "../../src/sys/index.ts";
import { tarOf } from "../support/archives.ts";
import { containerObstacle, makeStrake, type Outcome, type Strake } from "../support/strake.ts";
import { lastingTraces } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/full-disk.test.ts skipped: ${obstacle}`);

const size = 10 << 20;
/** Does not compress and does not fit beside the base, but would alone. */
const big = Buffer.alloc(8 << 20);
for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, i);

describe.skipIf(obstacle !== undefined)("a full disk", () => {
  let strake: Strake;
  let root: string;
  let context: string;

  beforeEach(async () => {
    strake = makeStrake();
    root = join(strake.home, "root");
    context = join(strake.home, "context");
    mkdirSync(root, { mode: 0o700 });
    mkdirSync(context);
    writeFileSync(join(context, "big"), big);
    writeFileSync(join(context, "small"), "small");
    mount({ source: "tmpfs", target: root, type: "tmpfs", data: `size=${size},mode=700` });
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  });
  afterEach(async () => {
    if (strake === undefined) return;
    // What a container leaves for its monitor to do still works in there for a moment.
    await lastingTraces(root);
    umount(root);
    await strake.remove();
  });

  const build = (dockerfile: string) =>
    strake.run(["build", "-f", "-", context], { stdin: Buffer.from(dockerfile) });

  const attempts: Record<string, () => Promise<Outcome>> = {
    COPY: () => build("FROM busybox:1\nCOPY big /\n"),
    RUN: () => build("FROM busybox:1\nRUN dd if=/dev/urandom of=/big bs=1M count=8\n"),
    "the layer of a RUN": () => build("FROM busybox:1\nRUN dd if=/dev/urandom of=/big bs=1M count=3\n"),
    async load() {
      const elsewhere = makeStrake();
      const archive = join(strake.home, "big.tar");
      try {
        const dockerfile = Buffer.from("FROM scratch\nCOPY big /\n");
        await elsewhere.run(["build", "-t", "big", "-f", "-", context], { stdin: dockerfile });
        await elsewhere.ok("save", "-o", archive, "big");
      } finally {
        await elsewhere.remove();
      }
      return strake.run(["load", "-i", archive]);
    },
    import: async () => strake.run(["import", "-", "big"], { stdin: await tarOf([["big", big]]) }),
  };

  for (const [name, attempt] of Object.entries(attempts))
    test(`at ${name}: said as such, nothing left, and the space is there again`, async () => {
      const free = statfsSync(root).bfree;
      const { code, stdout, stderr } = await attempt();
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/no space left|disk .* full/i)]);
      if (name !== "RUN") expect(stderr).toMatch(/hint: .*strake gc/);
      if (!["load", "import"].includes(name)) expect(stderr).toMatch(/ 2 \| >>> (COPY big|RUN dd)/);
      const verified = await strake.run(["gc", "--verify"]);
      expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/ 0 leftovers\nclean\n$/)]);
      expect(await strake.ok("images", "-q", "big")).toBe("");
      // The overlay snapshotter keeps the base unpacked, once: that is not half-made.
      const used = free - statfsSync(root).bfree;
      expect(used * statfsSync(root).bsize).toBeLessThan(3 << 20);
      const next = await build("FROM busybox:1\nCOPY small /\nRUN cat /small > /copy\n");
      expect([next.code, next.stderr]).toEqual([0, expect.stringContaining("(2 run, 1 cached)")]);
      expect(await lastingTraces(join(strake.home, "run"))).toEqual([]);
    });

  test("without a single block left nothing hangs, and gc makes room", async () => {
    expect((await build("FROM busybox:1\nCOPY small /\n")).code).toBe(0);
    const filler = join(root, "filler");
    try {
      writeFileSync(filler, Buffer.alloc(size));
    } catch {
      // Which is the point.
    }
    expect(statfsSync(root).bfree).toBe(0);
    expect(await strake.ok("images", "--format", "{{.Repository}}")).toContain("busybox\n");
    expect((await build("FROM busybox:1\nCOPY big /\n")).code).toBe(1);
    expect((await strake.run(["run", "--rm", "--network", "none", "busybox:1", "true"])).code).toBe(125);
    await strake.ok("gc", "--cache");
    rmSync(filler);
    expect(await strake.ok("gc", "--verify")).toContain("clean");
    expect(await strake.ok("run", "--rm", "--network", "none", "busybox:1", "echo", "on")).toBe("on\n");
  });
});
