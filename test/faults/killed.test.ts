import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle } from "../support/strake.ts";
import { lastingTraces, tracesOf } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/killed.test.ts skipped: ${obstacle}`);

const clean = { code: 0, problems: [] };

describe.skipIf(obstacle !== undefined)("a command that is killed", () => {
  let shop: FaultShop;
  let archive: string;
  let tar: string;

  beforeAll(async () => {
    shop = await makeFaultShop();
    mkdirSync(join(shop.context, "many"));
    for (let i = 0; i < 500; i++) writeFileSync(join(shop.context, `many/${i}`), `file ${i}\n`.repeat(300));
    archive = join(shop.home, "app.tar");
    tar = join(shop.home, "context.tar");
    await shop.build("FROM busybox:1\nCOPY many /many\nRUN cp -r /many /copy\n", "-t", "app");
    await shop.ok("save", "-o", archive, "app");
    Bun.spawnSync(["tar", "-C", shop.context, "-cf", tar, "."]);
    await shop.ok("rmi", "app");
    await shop.ok("gc", "--cache");
  });
  afterAll(async () => await shop?.remove());

  const dockerfile = (text: string) => {
    const path = join(shop.home, `Dockerfile.${Math.random()}`);
    writeFileSync(path, text);
    return path;
  };

  const commands: readonly ((round: number) => string[])[] = [
    (round) => {
      const text = `FROM busybox:1\nENV round=${round}\nCOPY many /many\nRUN cat /many/* > /all; sleep 0.${round % 10}\nRUN sort /all > /sorted\n`;
      return ["build", "-t", "killed:build", "-f", dockerfile(text), shop.context];
    },
    () => ["load", "-i", archive],
    () => ["import", tar, "killed:import"],
    (round) => [
      "run",
      "--rm",
      "--network",
      round % 2 ? "none" : "bridge",
      "busybox:1",
      "sh",
      "-c",
      "echo x > /x; sleep 0.1",
    ],
    () => ["save", "-o", join(shop.home, "killed.tar"), "busybox:1"],
    () => ["gc", "--cache"],
  ];
  // Builds have the most to leave behind.
  const order = [0, 1, 0, 2, 3, 0, 4, 3, 0, 1, 5];

  test("kill -9 at random moments, 50 times and more: the store is clean, nothing runs, and the next build works", async () => {
    let killed = 0;
    // On a fast machine many a command is over before its kill comes.
    for (let round = 0; round < 50 || (killed <= 25 && round < 200); round++) {
      const which = order[round % order.length]!;
      const child = shop.spawn(commands[which]!(round));
      await Bun.sleep(Math.random() * (which === 0 ? 400 : 120));
      child.kill("SIGKILL");
      await child.exited;
      if (child.signalCode === "SIGKILL") killed++;
      if (round % 10 === 9) {
        // Containers of `run` live on without their client, as in Docker, until they are over. One whose client died
        // between making and starting it waits for a start that never comes, until the next command ends it.
        await shop.ok("ps");
        expect([round, await lastingTraces(shop.home)]).toEqual([round, []]);
        expect([round, await shop.verify()]).toEqual([round, clean]);
      }
    }
    expect(killed).toBeGreaterThan(25);
    expect(await shop.ok("ps", "-aq")).toBe("");
    const next = await shop.build(
      "FROM busybox:1\nCOPY many /many\nRUN ls /many | wc -l > /count\n",
      "-t",
      "next",
    );
    expect([next.code, next.stderr]).toEqual([0, expect.stringContaining("built sha256:")]);
    expect(await shop.ok("run", "--rm", "next", "cat", "/count")).toBe("500\n");
    await shop.ok("load", "-i", archive);
    expect(await shop.verify()).toEqual(clean);
    expect(await lastingTraces(shop.home)).toEqual([]);
  });

  /** A time to sleep that no other process of this machine sleeps: a RUN is known by it. */
  const unlike = (seconds: string) => `${seconds}.${Math.random().toString().slice(2, 8)}`;

  /** Starts a build and waits until its RUN says `started`. */
  async function startedBuild(seconds: string, ...flags: string[]) {
    const text = `FROM busybox:1\nRUN echo started; sleep ${seconds} & sleep ${seconds}\n`;
    const child = shop.spawn([
      "build",
      "--progress",
      "plain",
      "-f",
      dockerfile(text),
      ...flags,
      shop.context,
    ]);
    let said = "";
    const reader = (child.stderr as ReadableStream<Uint8Array>).getReader();
    while (!/^#\d+ [0-9.]+ started$/m.test(said)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the build ended: ${said}`);
      said += Buffer.from(value).toString();
    }
    const rest = (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        said += Buffer.from(read.value).toString();
      return said;
    })();
    return { child, rest };
  }

  for (const runtime of ["crun", "runc"].filter((name) => Bun.which(name) !== null))
    test.each(["none", "default"])(`takes its RUN with it: ${runtime}, network %s`, async (network) => {
      const seconds = unlike("54321");
      const { child } = await startedBuild(seconds, "--network", network);
      child.kill("SIGKILL");
      await child.exited;
      // Without any other command of strake.
      expect(await lastingTraces(shop.home, [`sleep ${seconds}`])).toEqual([]);
      expect(await shop.verify()).toEqual(clean);
    });

  test.each(["SIGINT", "SIGTERM"] as const)("%s in a RUN ends it in order", async (signal) => {
    const seconds = unlike("65432");
    const { child, rest } = await startedBuild(seconds);
    child.kill(signal);
    expect([await child.exited, await rest]).toEqual([
      signal === "SIGINT" ? 130 : 143,
      expect.stringContaining("interrupted"),
    ]);
    expect(await lastingTraces(shop.home, [`sleep ${seconds}`])).toEqual([]);
    expect(await shop.verify()).toEqual(clean);
  });

  test("Ctrl-C twice is out at once, and the RUN does not stay", async () => {
    const seconds = unlike("76543");
    const { child } = await startedBuild(seconds);
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await lastingTraces(shop.home, [`sleep ${seconds}`])).toEqual([]);
    expect(await shop.verify()).toEqual(clean);
  });

  test("Ctrl-C in a COPY: 130, nothing left", async () => {
    // A fifo makes no copy wait, so the copy has to be long: sparse for the disk, not for the hash.
    Bun.spawnSync(["truncate", "-s", "3G", join(shop.context, "large")]);
    const before = shop.stored();
    const path = dockerfile("FROM busybox:1\nCOPY large /\n");
    const child = shop.spawn(["build", "--progress", "plain", "-f", path, shop.context]);
    const reader = (child.stderr as ReadableStream<Uint8Array>).getReader();
    let said = "";
    while (!said.includes("COPY large")) said += Buffer.from((await reader.read()).value!).toString();
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await shop.verify()).toEqual(clean);
    expect(shop.stored()).toEqual(before);
    expect(await lastingTraces(shop.home)).toEqual([]);
    Bun.spawnSync(["rm", join(shop.context, "large")]);
  });

  test.each([["load"], ["import -"], ["build -"], ["build -f - ."]])(
    "Ctrl-C ends `%s` whose input has stalled",
    async (words) => {
      const child = Bun.spawn([...shop.program, ...words.split(" ")], {
        cwd: shop.context,
        env: shop.env,
        stdio: ["pipe", "pipe", "pipe"],
      });
      child.stdin.write(readFileSync(archive).subarray(0, 700_000));
      await child.stdin.flush();
      child.kill("SIGINT");
      expect([await child.exited, await new Response(child.stderr).text()]).toEqual([130, "interrupted\n"]);
      await child.stdin.end();
      expect(await shop.verify()).toEqual(clean);
    },
  );

  test("a kill of the whole process group, as a terminal that goes away sends it", async () => {
    const seconds = unlike("87654");
    const text = dockerfile(`FROM busybox:1\nRUN echo > /started; sleep ${seconds}\n`);
    const child = Bun.spawn(["setsid", ...shop.program, "build", "-f", text, shop.context], {
      env: shop.env,
      stdio: ["ignore", "ignore", "ignore"],
    });
    for (let tries = 0; tries < 1200 && !isRunning(`sleep ${seconds}`); tries++) await Bun.sleep(25);
    expect(isRunning(`sleep ${seconds}`)).toBe(true);
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
    expect(await lastingTraces(shop.home, [`sleep ${seconds}`])).toEqual([]);
    expect(await shop.verify()).toEqual(clean);
  });
});

function isRunning(command: string): boolean {
  return tracesOf("/nowhere", [command]).some((line) => line.endsWith(`: ${command} `));
}
