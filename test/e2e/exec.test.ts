import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: exec: ${obstacle}`);

const runtimes = (["crun", "runc"] as const).filter((name) => Bun.which(name) !== null);
const minute = 60_000;

describe.skipIf(obstacle !== undefined).each(runtimes)("exec with %s", (runtime) => {
  let strake: Strake;
  const folder = mkdtempSync(join(tmpdir(), "strake-exec-"));
  const env = { STRAKE_RUNTIME: runtime };
  const run = async (...args: string[]) => await strake.run(["exec", ...args], { env });

  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox");
    const started = await strake.run(["run", "-d", "--name", "aa", "busybox", "sleep", "1000"], { env });
    expect(started.code).toBe(0);
  }, minute);
  afterAll(async () => {
    await strake?.run(["rm", "-f", "aa"], { env });
    await strake?.remove();
    rmSync(folder, { recursive: true, force: true });
  }, minute);

  /** exec on a terminal of 80 by 24. */
  async function onTerminal(...args: string[]) {
    let shown = "";
    const child = Bun.spawn([...strake.program, "exec", ...args], {
      env: { ...strake.env, ...env },
      terminal: {
        cols: 80,
        rows: 24,
        data: (_: unknown, data: Uint8Array) => {
          shown += Buffer.from(data).toString();
        },
      },
    } as Parameters<typeof Bun.spawn>[1]);
    return { code: await child.exited, shown };
  }

  const missing = `error: "missing" is in no folder of the container's PATH`;

  test("a command that is missing or cannot be executed is told once, in our words", async () => {
    const absent = await run("aa", "missing");
    expect(absent).toMatchObject({ code: 127, stdout: "" });
    expect(absent.stderr).toMatch(new RegExp(`^${missing.replace("$", "\\$")}\nhint: [^\n]+\n$`));
    const file = await run("aa", "/etc/passwd");
    expect(file.code).toBe(126);
    expect(file.stderr).toMatch(
      /^error: "\/etc\/passwd" cannot be executed: permission denied\nhint: .*\n$/i,
    );
    const place = await run("-w", "/nosuch", "aa", "ls");
    expect(place.code).toBe(126);
    expect(place.stderr).toMatch(
      /^error: cannot work in "\/nosuch": no such file or directory\nhint: .*\n$/i,
    );
    for (const flags of [[], ["-t"], ["-it"]]) {
      const { code, shown } = await onTerminal(...flags, "aa", "missing");
      expect([flags, code, shown.split("\r\n")[0]]).toEqual([flags, 127, missing]);
      expect(shown.split("\r\n")).toHaveLength(3);
    }
  });

  test("what a program says itself is not taken for the runtime's", async () => {
    const own = 'echo "exec failed: mine" >&2; exit ';
    expect(await run("aa", "sh", "-c", `${own}1`)).toEqual({
      code: 1,
      stdout: "",
      stderr: "exec failed: mine\n",
    });
    expect(await run("aa", "sh", "-c", `${own}0`)).toMatchObject({ code: 0, stderr: "exec failed: mine\n" });
  });

  test("without -t the process has no terminal of ours that it could read from later", async () => {
    const script = "for i in 0 1 2; do test -t $i; echo $?; done; readlink /proc/self/fd/1 | cut -c1-4";
    for (const flags of [[], ["-i"]])
      expect(await onTerminal(...flags, "aa", "sh", "-c", script)).toEqual({
        code: 0,
        shown: "1\r\n1\r\n1\r\npipe\r\n",
      });
  });

  test("-t without -i has a terminal of its own", async () => {
    const { code, shown } = await onTerminal(
      "-t",
      "aa",
      "sh",
      "-c",
      // crun tells the new terminal its size when the process runs already.
      'until [ -n "$(stty size 2>/dev/null)" ]; do sleep 0.05; done; stty size; test -t 0 && echo yes; exit 4',
    );
    expect({ code, shown }).toEqual({ code: 4, shown: "24 80\r\nyes\r\n" });
    expect(await run("-t", "aa", "echo", "hi")).toEqual({ code: 0, stdout: "hi\r\n", stderr: "" });
  });

  test("/dev/stdout and /dev/stderr can be opened", async () => {
    const script = "echo out > /dev/stdout; echo err > /dev/stderr";
    expect(await run("aa", "sh", "-c", script)).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
  });

  // runc has pipes of its own between, one for each.
  test.skipIf(runtime === "runc")("output and errors into one file keep their order", async () => {
    const file = join(folder, "both");
    const script = '"$@" > "$0" 2>&1';
    const words = [...strake.program, "exec", "aa", "sh", "-c", "echo a; echo b >&2; echo c; echo d >&2"];
    const child = Bun.spawn(["sh", "-c", script, file, ...words], { env: { ...strake.env, ...env } });
    expect(await child.exited).toBe(0);
    expect(readFileSync(file, "utf8")).toBe("a\nb\nc\nd\n");
  });
});
