import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readCgroupLayout } from "../../src/sys/index.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: control groups: ${obstacle}`);

const { mode, unified, controllers } = readCgroupLayout();

/** On version 2 crun 1.8 raises RLIMIT_MEMLOCK before it loads its device filter, which takes CAP_SYS_RESOURCE. */
const capSysResource = 1n << 24n;
const mayRaiseLimits = (BigInt(boundingMask()) & capSysResource) !== 0n;
const runtimes = ["crun", "runc"].filter((name) => Bun.which(name) && (name === "runc" || mayRaiseLimits));
if (!runtimes.includes("crun")) console.log("skipped: crun on control groups version 2: no CAP_SYS_RESOURCE");

function boundingMask(): string {
  return `0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`;
}

/** Runs a command where only version 2 is mounted, in the one place where systemd mounts it. */
const v2Alone = [
  ["unshare", "--mount", "sh", "-ec"],
  'umount -R -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"',
  "sh",
].flat();

describe.skipIf(obstacle !== undefined)("control groups", () => {
  let strake: Strake;
  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  }, 60_000);
  afterAll(async () => await strake?.remove());

  describe.skipIf(unified === undefined || runtimes.length === 0)("version 2 alone", () => {
    const inV2 = async (...args: string[]) => {
      const child = Bun.spawn([...v2Alone, ...strake.program, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { STRAKE_RUNTIME: runtimes[0], ...strake.env },
        cwd: strake.home,
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code: await child.exited, stdout, stderr };
    };
    const ownGroup = (text: string) => /^0::(.*)$/m.exec(text)?.[1];

    test("info calls it v2", async () => {
      expect((await inV2("info")).stdout).toMatch(/Cgroup: +v2/);
    });

    test.each(runtimes)(
      "%s: a container sees its own group as the root, and the tree read-only",
      async (runtime) => {
        strake.env.STRAKE_RUNTIME = runtime;
        const script = "cat /proc/self/cgroup; grep ' /sys/fs/cgroup ' /proc/self/mountinfo";
        const { code, stdout, stderr } = await inV2(
          "run",
          "--rm",
          "--network",
          "none",
          "busybox:1",
          "sh",
          "-c",
          script,
        );
        delete strake.env.STRAKE_RUNTIME;
        expect([code, stderr]).toEqual([0, ""]);
        expect(ownGroup(stdout)).toBe("/");
        expect(stdout).toMatch(/ \/sys\/fs\/cgroup ro,.* - cgroup2 /);
      },
      30_000,
    );

    test("RUN, a container that goes on, exec and its end leave no group", async () => {
      await Bun.write(
        join(strake.home, "v2/Dockerfile"),
        "FROM busybox:1\nRUN cat /proc/self/cgroup >/groups\n",
      );
      expect((await inV2("build", "--network", "none", "-t", "v2", "v2")).code).toBe(0);
      const { stdout: id } = await inV2("run", "-d", "--network", "none", "v2", "sleep", "1000");
      const inside = await inV2("exec", id.trim(), "cat", "/groups", "/proc/self/cgroup");
      expect(inside.stdout.match(/^0::\/$/gm)?.length).toBe(2);
      // The same tree, wherever it is mounted.
      expect(readdirSync(`${unified}/strake`)).toContain(id.trim());
      expect((await inV2("rm", "-f", id.trim())).code).toBe(0);
      expect(readdirSync(`${unified}/strake`)).not.toContain(id.trim());
    }, 60_000);
  });

  test.skipIf(mode === "none")(
    "the monitor of a container that goes on is in no group of its starter's",
    async () => {
      const id = (await strake.ok("run", "-d", "--network", "none", "busybox:1", "sleep", "1000")).trim();
      const folder = join(strake.env.STRAKE_RUNROOT!, "containers", id);
      const groups = readFileSync(
        `/proc/${readFileSync(join(folder, "conmon.pid"), "utf8").trim()}/cgroup`,
        "utf8",
      );
      if (mode === "unified") expect(groups).toBe("0::/strake/monitors\n");
      if (controllers.has("name=systemd")) expect(groups).toMatch(/:name=systemd:\/strake\/monitors$/m);
      await strake.ok("rm", "-f", id);
      expect(existsSync(folder)).toBe(false);
    },
    30_000,
  );
});
