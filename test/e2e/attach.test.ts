import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";
import { onTerminal } from "../support/terminal.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: attach: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("attach", () => {
  let strake: Strake;
  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  }, 60_000);
  afterAll(async () => await strake?.remove());

  const start = async (name: string, flags: readonly string[], script: string) =>
    await strake.ok(
      ...["run", "-d", "--network", "none", "--name", name, ...flags, "busybox:1", "sh", "-c", script],
    );

  test("hands input on, shows what comes from now on, and ends with the container's code", async () => {
    await start(
      "reader",
      ["-i"],
      "echo before; while read line; do echo got $line; done; echo no >&2; exit 7",
    );
    const outcome = await strake.run(["attach", "reader"], { stdin: Buffer.from("one\ntwo\n") });
    // A slow machine may get to "before" only now.
    const stdout = expect.stringMatching(/^(before\n)?got one\ngot two\n$/);
    expect(outcome).toEqual({ code: 7, stdout, stderr: "no\n" });
    const late = await strake.run(["container", "attach", "reader"]);
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(/reader is exited[\s\S]*strake start reader/);
  }, 30_000);

  test("--no-stdin keeps the input; a signal goes to the container, unless --sig-proxy=false", async () => {
    const script = "trap 'echo told; exit 9' TERM; echo up; while :; do echo tick; sleep 0.05; done";
    await start("ticking", ["-i"], script);
    const attached = async (...flags: string[]) => {
      const child = strake.spawn(["attach", "--no-stdin", ...flags, "ticking"]);
      let said = "";
      for await (const chunk of child.stdout as ReadableStream<Uint8Array>) {
        said += Buffer.from(chunk).toString();
        if (said.includes("tick\n") && !said.includes("told")) child.kill("SIGTERM");
      }
      return { code: await child.exited, told: said.includes("told") };
    };
    expect(await attached("--sig-proxy=false")).toEqual({ code: 143, told: false });
    expect(await strake.ok("inspect", "-f", "{{.State.Status}}", "ticking")).toBe("running\n");
    expect(await attached()).toEqual({ code: 9, told: true });
  }, 30_000);

  test("on a terminal: what is typed, the size, the keys that leave it running, and back again", async () => {
    await start("shell", ["-it"], "exec sh");
    for (const rows of [31, 37]) {
      const typed = new Set<string>();
      const command = [...strake.program, "attach", "--detach-keys", "ctrl-a,z", "shell"];
      const { code, shown } = await onTerminal(command, {
        env: strake.env,
        columns: 93,
        rows,
        onShown: (text, type) => {
          const once = (when: boolean, keys: string) => {
            if (when && !typed.has(keys)) {
              typed.add(keys);
              type(keys);
            }
          };
          // The shell says something as soon as the terminal's size changes.
          once(typed.size === 0, `stty size; echo a$((40 + 2))b${rows}\r`);
          once(text.includes(`a42b${rows}`), "\x01z");
        },
      });
      expect([code, shown]).toEqual([0, expect.stringContaining(`${rows} 93`)]);
      expect(await strake.ok("inspect", "-f", "{{.State.Status}}", "shell")).toBe("running\n");
    }
  }, 60_000);
});
