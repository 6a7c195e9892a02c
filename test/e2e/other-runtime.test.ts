import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle =
  containerObstacle() ??
  (["crun", "runc"].some((name) => Bun.which(name) === null) ? "needs both crun and runc" : undefined);
if (obstacle) console.log(`test/e2e/other-runtime.test.ts skipped: ${obstacle}`);

describe.skipIf(obstacle !== undefined)(
  "a container whose runtime is not the one that STRAKE_RUNTIME names now",
  () => {
    let strake: Strake;
    beforeAll(async () => {
      strake = makeStrake();
      await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
    });
    afterAll(async () => await strake?.remove());

    test.each([
      ["crun", "runc"],
      ["runc", "crun"],
    ])(
      "made by %s, used under %s",
      async (maker, other) => {
        const under = async (name: string, ...args: string[]) => {
          const { code, stdout, stderr } = await strake.run(args, { env: { STRAKE_RUNTIME: name } });
          return { code, said: (stdout + stderr).trim() };
        };
        const script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done";
        const run = ["run", "-d", "--network", "none", "--name", maker, "busybox:1", "sh", "-c", script];
        expect((await under(maker, ...run)).code).toBe(0);
        const isUp = async (times: number) => {
          const said = Array(times).fill("up").join("\n");
          for (let tries = 0; (await under(other, "logs", maker)).said !== said && tries < 500; tries++)
            await Bun.sleep(10);
        };
        await isUp(1);
        expect(await under(other, "exec", maker, "sh", "-c", "echo in; exit 5")).toEqual({
          code: 5,
          said: "in",
        });
        expect(await under(other, "exec", "-t", maker, "echo", "tty")).toEqual({ code: 0, said: "tty" });
        expect((await under(other, "exec", maker, "nope")).code).toBe(127);
        expect(await under(other, "exec", "-d", maker, "touch", "/made")).toEqual({ code: 0, said: "" });
        // Detached, it may come to its work after we do.
        while ((await under(maker, "exec", maker, "ls", "/made")).code !== 0) await Bun.sleep(10);
        expect((await under(other, "kill", maker)).code).toBe(0);
        expect((await under(other, "wait", maker)).said).toBe("137");

        expect((await under(other, "start", maker)).code).toBe(0);
        await isUp(2);
        expect(await under(maker, "exec", maker, "ls", "/made")).toEqual({ code: 0, said: "/made" });
        expect((await under(maker, "stop", "-t", "30", maker)).code).toBe(0);
        expect((await under(other, "inspect", "-f", "{{.State.ExitCode}}", maker)).said).toBe("3");

        expect((await under(maker, "start", maker)).code).toBe(0);
        expect(await under(other, "rm", "-f", maker)).toEqual({ code: 0, said: maker });
      },
      60_000,
    );
  },
);
