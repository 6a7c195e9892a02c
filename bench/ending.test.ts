import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A benchmark that somebody ends leaves no process, mount or folder. */
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-ending-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const alive = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.[0] !== "Z";
  } catch {
    return false;
  }
};

/** One that has a server with a child of its own, both deaf to TERM if so asked, a mount, and a command that it waits for. */
const script = (deaf: boolean) => `
  const { atTheEnd, breath, end, listen, scratch } = await import(${JSON.stringify(join(import.meta.dir, "ending.ts"))});
  const folder = scratch("bench-");
  listen();
  atTheEnd(async () => {
    await Bun.sleep(50);
    console.log("first begun, last ended");
  });
  atTheEnd(() => { throw new Error("this one fails"); });
  try {
    const server = Bun.spawn(["sh", "-c", "${deaf ? "trap '' TERM; " : ""}sleep 600 & echo $!; wait; sleep 600"], { stdout: "pipe" });
    const { value } = await server.stdout.getReader().read();
    const isMounted = Bun.spawnSync(["mount", "-t", "tmpfs", "bench", folder], { stderr: "ignore" }).success;
    console.log(JSON.stringify({ folder, isMounted, pids: [server.pid, Number(Buffer.from(value).toString())] }));
    for (let round = 0; ; round++) {
      await breath();
      Bun.spawnSync(["sleep", "0.2"]);
    }
  } finally {
    await end();
  }`;

async function start(deaf = false) {
  const child = Bun.spawn([process.execPath, "-e", script(deaf)], {
    ...{ stdout: "pipe", stderr: "pipe", env: { ...process.env, TMPDIR: home } },
  });
  let said = "";
  const reader = child.stdout.getReader();
  while (!said.includes("\n")) said += Buffer.from((await reader.read()).value!).toString();
  const { folder, isMounted, pids } = JSON.parse(said.split("\n")[0]!);
  return { child, folder, isMounted, pids: pids as number[] };
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s",
  async (name) => {
    const { child, folder, isMounted, pids } = await start();
    if (!isMounted) console.log("mounts are not tested: mount(8) needs root");
    expect([existsSync(folder), pids.every(alive)]).toEqual([true, true]);
    child.kill(name);
    expect(await child.exited).toBe({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[name]);
    expect(pids.filter(alive)).toEqual([]);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(home);
    expect(readdirSync(home)).toEqual([]);
    expect(await new Response(child.stderr).text()).toContain("this one fails");
  },
  30_000,
);

test("servers that do not end by themselves", async () => {
  const { child, pids } = await start(true);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
  expect(pids.filter(alive)).toEqual([]);
  expect(readdirSync(home)).toEqual([]);
}, 60_000);

test("of timeout(1), which signals the command that is waited for too", async () => {
  const child = Bun.spawn(["timeout", "1", process.execPath, "-e", script(false)], {
    ...{ stdout: "pipe", stderr: "ignore", env: { ...process.env, TMPDIR: home } },
  });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(124);
  expect(text).toContain("first begun, last ended");
  expect(JSON.parse(text.split("\n")[0]!).pids.filter(alive)).toEqual([]);
  expect(readdirSync(home)).toEqual([]);
}, 30_000);
