import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: flags of run: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("flags of run and exec do what their help says", () => {
  let strake: Strake;
  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  }, 60_000);
  afterAll(async () => await strake?.remove());

  const run = async (...args: string[]) => (await strake.run(["run", "--rm", ...args])).stdout.trim();

  test("--add-host NAME:host-gateway is the address under which the container reaches the host", async () => {
    const server = Bun.listen({
      hostname: "0.0.0.0",
      port: 0,
      socket: { open: (socket) => void socket.end("of the host\n"), data: () => {} },
    });
    try {
      const ask = ["--add-host", "me:host-gateway", "busybox:1", "nc", "me", String(server.port)];
      expect(await run(...ask)).toBe("of the host");
      expect(await run("--network", "host", ...ask)).toBe("of the host");
    } finally {
      server.stop(true);
    }
    const alone = await run(
      "--network",
      "none",
      "--add-host",
      "me:host-gateway",
      "busybox:1",
      "cat",
      "/etc/hosts",
    );
    expect(alone).not.toContain("me");
  }, 30_000);

  test.each([
    ["--add-host", "x:nowhere", "nowhere"],
    ["--add-host", "x:", '""'],
    ["--dns", "dns.example", "dns.example"],
  ])("%s %s is refused", async (flag, value, named) => {
    const { code, stderr } = await strake.run(["run", "--rm", flag, value, "busybox:1", "true"]);
    expect([code, stderr]).toEqual([125, expect.stringContaining(named)]);
    expect(stderr).toContain("is not an IP address");
  });

  test("--privileged has the host's devices, exec --privileged all capabilities", async () => {
    const list = ["busybox:1", "ls", "-ld", "/dev/kmsg"];
    const kmsg = existsSync("/dev/kmsg");
    expect(await run("--network", "none", "--privileged", ...list)).toMatch(kmsg ? /^c.* 1, +11 / : /^$/);
    expect(await run("--network", "none", ...list)).toBe("");

    await strake.ok("run", "-d", "--name", "usual", "--network", "none", "busybox:1", "sleep", "1000");
    const effective = async (...flags: string[]) =>
      await strake.ok("exec", ...flags, "usual", "grep", "CapEff", "/proc/self/status");
    const whole = await run(
      "--network",
      "none",
      "--privileged",
      "busybox:1",
      "grep",
      "CapEff",
      "/proc/self/status",
    );
    expect((await effective("--privileged")).trim()).toBe(whole);
    expect(await effective()).toBe("CapEff:\t00000000a80425fb\n");
    expect(await effective("--privileged", "-u", "1000")).toBe("CapEff:\t0000000000000000\n");
  }, 30_000);

  test("an empty volume has the owner that the container gave it, also when that starts again", async () => {
    const places = ["-v", "/new", "-v", "/tmp", "-v", "of-run-flags:/named"];
    await strake.ok(
      "run",
      "-d",
      "--name",
      "again",
      "--network",
      "none",
      ...places,
      "busybox:1",
      "sleep",
      "1000",
    );
    const seen = () => strake.ok("exec", "again", "stat", "-c", "%u %a", "/new", "/tmp", "/named");
    const first = await seen();
    await strake.ok("exec", "again", "chown", "1000", "/new", "/tmp", "/named");
    await strake.ok("restart", "-t", "0", "again");
    const second = await seen();
    await strake.ok("rm", "-f", "again");
    expect([String(first), String(second)]).toEqual([
      "0 755\n0 1777\n0 755\n",
      "1000 755\n1000 1777\n1000 755\n",
    ]);
  }, 30_000);

  test("images are listed by the time they were made, as docker lists them, and picked by a pattern", async () => {
    await strake.ok("tag", "busybox:1", "shop/one:1");
    const dockerfile = Buffer.from("FROM busybox:1\nLABEL a=b\nRUN true\n");
    for (const tag of ["new", "shop/two"])
      await strake.run(["build", "-f", "-", "-t", tag, "--label", `t=${tag}`, strake.home], {
        stdin: dockerfile,
      });
    await strake.ok("tag", "busybox:1", "last:1");
    const names = async (...args: string[]) =>
      (await strake.ok("images", "--format", "{{.Repository}}:{{.Tag}}", ...args)).trim().split("\n");
    expect((await names()).slice(0, 2).sort()).toEqual(["new:latest", "shop/two:latest"]);
    expect((await names("shop/*")).sort()).toEqual(["shop/one:1", "shop/two:latest"]);
    expect(await names("shop/*:1")).toEqual(["shop/one:1"]);
    expect((await names("-f", "before=new")).sort()).toEqual(["busybox:1", "last:1", "shop/one:1"]);
    expect(await names("-f", "since=shop/one:1")).toEqual((await names()).slice(0, 2));
  }, 60_000);
});
