import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { type Beside, startBeside } from "../support/docker/beside.ts";
import { type Docker, dockerObstacle } from "../support/docker/daemon.ts";
import { runCases } from "../support/docker/run-cases.ts";
import { freePorts } from "../support/free-port.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";
import { onTerminal } from "../support/terminal.ts";

/** The same shell scripts with docker and with strake: what they print and their exit codes must be alike. */
const obstacle = containerObstacle() ?? dockerObstacle();
if (obstacle !== undefined) console.log(`skipped: containers beside docker: ${obstacle}`);

const minute = 60_000;
const soon = 'soon() { for i in $(seq 150); do eval "$1" && return; sleep 0.2; done; echo in vain: "$1"; }';

describe.skipIf(obstacle !== undefined)("containers beside docker", () => {
  let strake: Strake;
  let docker: Docker;
  let workspace: string;
  let stop: Beside["stop"] | undefined;

  beforeAll(async () => {
    ({ strake, docker, workspace, stop } = await startBeside());
  }, 2 * minute);
  afterAll(async () => await stop?.(), minute);

  async function run(script: string, program: readonly string[], env: Record<string, string | undefined>) {
    const folder = mkdtempSync(join(workspace, "run-"));
    const quoted = program.map((word) => `'${word}'`).join(" ");
    const child = Bun.spawn(["sh", "-c", `D() { ${quoted} "$@"; }\n${soon}\n${script}`], {
      cwd: folder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      env: { ...env, HERE: folder },
    });
    const text = await new Response(child.stdout).text();
    return `${text.replaceAll(folder, "HERE")}exit code ${await child.exited}`;
  }

  for (const { name, script } of runCases) {
    test(
      name,
      async () => {
        const first = freePorts(7);
        const ports = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`P${n}`, String(first + n)]));
        const beside = () => run(script, docker.program, { ...docker.env, ...ports });
        let expected = await beside();
        // On a busy machine docker sometimes takes a container of --rm away that it is just restarting: that is not what it means to do.
        for (let i = 0; i < 2 && expected.includes("in vain"); i++) expected = await beside();
        expect(await run(script, strake.program, { ...strake.env, ...ports })).toBe(expected);
      },
      2 * minute,
    );
  }
});

describe.skipIf(containerObstacle() !== undefined)("a terminal", () => {
  let strake: Strake;
  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox");
  }, minute);
  afterAll(async () => await strake?.remove());

  /** Runs strake on a terminal; `answers` are typed as soon as what they wait for has been printed. */
  async function session(args: readonly string[], answers: readonly (readonly [string, string])[]) {
    const waiting = [...answers];
    return await onTerminal([...strake.program, ...args], {
      env: strake.env,
      onShown(shown, type) {
        if (waiting[0] && shown.includes(waiting[0][0])) type(waiting.shift()![1]);
      },
    });
  }

  test(
    "a Ctrl-C right after the first output is the container's",
    async () => {
      const script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done";
      const { code, shown } = await session(
        ["run", "--rm", "-it", "--name", "raw", "busybox", "sh", "-c", script],
        [["ready", "\x03"]],
      );
      expect(shown).toContain("caught");
      expect(code).toBe(9);
      expect(await strake.ok("ps", "-aq")).toBe("");
    },
    2 * minute,
  );

  test(
    "has the size of ours, and the detach keys leave the container running",
    async () => {
      const sized = await session(["run", "--rm", "-it", "busybox", "sh", "-c", "tty; stty size"], []);
      expect(sized).toEqual({ code: 0, shown: "/dev/pts/0\r\n24 80\r\n" });
      const { code } = await session(["run", "-it", "--name", "left", "busybox", "sh"], [["#", "\x10\x11"]]);
      expect(code).toBe(0);
      expect(await strake.ok("inspect", "-f", "{{.State.Running}}", "left")).toBe("true\n");
      const asked = await session(["exec", "-it", "left", "sh"], [["#", "tty; exit 3\n"]]);
      expect(asked.code).toBe(3);
      expect(asked.shown).toContain("/dev/pts/");
      // What a program said last is not lost when it ends at once.
      for (let round = 0; round < 20; round++) {
        const said = await session(["exec", "-it", "left", "seq", "1", "100"], []);
        expect([round, said.code, said.shown.length, said.shown.slice(-9)]).toEqual([
          ...[round, 0, 392, "99\r\n100\r\n"],
        ]);
      }
      await strake.ok("rm", "-f", "left");
    },
    2 * minute,
  );
});
