import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { readCgroupLayout } from "../../src/sys/index.ts";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle, type Outcome } from "../support/strake.ts";

const layout = readCgroupLayout();
const cpusets = layout.controllers.get("cpuset");
const obstacle =
  containerObstacle() ??
  (cpusets === undefined ? `needs cpuset as a version 1 controller; they are ${layout.mode}` : undefined);
if (obstacle) console.log(`test/faults/control-groups.test.ts skipped: ${obstacle}`);

const trees = [...new Set([...layout.controllers.values(), ...(layout.unified ? [layout.unified] : [])])];
const groupsIn = (tree: string) =>
  existsSync(`${tree}/strake`)
    ? readdirSync(`${tree}/strake`, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${tree}/strake/${name}`)
    : [];

const runtimes = ["crun", "runc"].filter((name) => Bun.which(name) !== null);

describe.skipIf(obstacle !== undefined)(
  "a runtime that fails when it moves a process into its groups",
  () => {
    let shop: FaultShop;
    // Without processors: no process can be moved into it or below it (ENOSPC).
    const closed = `${cpusets}/strake-test-${process.pid}`;

    beforeAll(async () => {
      shop = await makeFaultShop();
      mkdirSync(`${closed}/strake`, { recursive: true });
    });
    afterAll(async () => {
      for (const left of [...groupsIn(closed), `${closed}/strake`, closed]) rmdirSync(left);
      await shop?.remove();
    });

    /** strake as it is where the cpusets are the closed ones. */
    async function inClosed(runtime: string, args: readonly string[], stdin = ""): Promise<Outcome> {
      const script = 'mount --bind "$0" "$1" && shift && exec "$@"';
      const child = Bun.spawn(
        ["unshare", "-m", "sh", "-c", script, closed, cpusets!, ...shop.program, ...args],
        {
          stdin: Buffer.from(stdin),
          stdout: "pipe",
          stderr: "pipe",
          cwd: shop.home,
          env: { ...shop.env, STRAKE_RUNTIME: runtime },
        },
      );
      const [code, stdout, stderr] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code, stdout, stderr };
    }

    test.each(runtimes)("leaves no group of a container behind: %s", async (runtime) => {
      const container = await inClosed(runtime, ["create", "--network", "none", "busybox:1", "true"]);
      const id = container.stdout.trim();
      const ours = () =>
        trees
          .concat(closed)
          .flatMap(groupsIn)
          .filter((path) => path.endsWith(id));
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      const started = await inClosed(runtime, ["start", id]);
      expect(started).toMatchObject({ code: 1, stderr: expect.stringMatching(/no space left/i) });
      expect(ours()).toEqual([]);
    });

    test.each(runtimes)("leaves no group of a step of a build behind: %s", async (runtime) => {
      const dockerfile = "FROM busybox:1\nRUN true\n";
      const built = await inClosed(runtime, ["build", "--no-cache", "-f", "-", shop.context], dockerfile);
      const group = /strake\/(step-[0-9a-f]+)/.exec(built.stderr)?.[1];
      expect([built.code, group]).toEqual([1, expect.any(String)]);
      expect(
        trees
          .concat(closed)
          .flatMap(groupsIn)
          .filter((path) => path.endsWith(group!)),
      ).toEqual([]);
    });
  },
);
