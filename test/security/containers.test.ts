import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf } from "../support/archives.ts";
import { craftArchive } from "../support/crafted-image.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";
import { lastingTraces, stampOf } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/security/containers.test.ts skipped: ${obstacle}`);
const runtimes = ["crun", "runc"].filter((name) => Bun.which(name) !== null);

describe.skipIf(obstacle !== undefined)("containers and the host", () => {
  let strake: Strake;
  let outside: string;
  beforeAll(async () => {
    strake = makeStrake();
    outside = join(strake.home, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "host's\n");
    chmodSync(strake.home, 0o755);
    await load("plain");
  });
  afterAll(async () => {
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("host's\n");
    await strake?.remove();
  });

  const load = async (name: string, ...layers: Uint8Array[]) =>
    await strake.ok("load", "-i", await craftArchive(strake, name, layers));
  const run = (image: string, ...command: string[]) =>
    strake.run(["run", "--rm", "--network", "none", image, ...command]);
  const statusOf = (text: string) =>
    Object.fromEntries(text.split("\n").map((line) => line.split(/:\s*/, 2) as [string, string]));

  for (const runtime of runtimes)
    test(`CVE-2022-24769: no inheritable or ambient capabilities, Docker's bounding set: ${runtime}`, async () => {
      for (const user of ["0", "1000"]) {
        const env = { STRAKE_RUNTIME: runtime };
        const args = ["run", "--rm", "--network", "none", "-u", user, "plain", "cat", "/proc/self/status"];
        const status = statusOf((await strake.run(args, { env })).stdout);
        expect([user, status.CapInh, status.CapAmb]).toEqual([user, "0000000000000000", "0000000000000000"]);
        // Never more than the host grants.
        const granted = BigInt(`0x${statusOf(readFileSync("/proc/self/status", "utf8")).CapBnd}`);
        expect(BigInt(`0x${status.CapBnd}`)).toBe(0xa80425fbn & granted);
        expect(BigInt(`0x${status.CapEff}`)).toBe(user === "0" ? 0xa80425fbn & granted : 0n);
        expect(status.Seccomp).toBe("2");
      }
    });

  for (const runtime of runtimes)
    test(`no rlimit above the host's, so that a host without CAP_SYS_RESOURCE starts it: ${runtime}`, async () => {
      const read = (text: string) =>
        text
          .split("\n")
          .slice(1)
          .map((line) => /^(.*?)\s{2,}(\S+)\s+(\S+)/.exec(line))
          .filter((match) => match !== null)
          .map(([, name, soft, hard]) => ({ name, soft: limit(soft!), hard: limit(hard!) }));
      const limit = (text: string) => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
      const host = read(readFileSync("/proc/self/limits", "utf8"));
      expect(host.length).toBeGreaterThan(10);
      const env = { STRAKE_RUNTIME: runtime };
      const args = ["run", "--rm", "--network", "none", "plain", "cat", "/proc/self/limits"];
      const inside = read((await strake.run(args, { env })).stdout);
      expect(inside.map(({ name }) => name)).toEqual(host.map(({ name }) => name));
      for (const [i, { name, soft, hard }] of inside.entries())
        expect([name, hard <= host[i]!.hard, soft <= host[i]!.hard]).toEqual([name, true, true]);
      // Also where the host grants less than usual.
      const words = ["-c", `ulimit -n 1000; exec "$@"`, "sh", ...strake.program, ...args];
      const tight = Bun.spawnSync(["sh", ...words], { env: { ...strake.env, ...env } });
      expect(tight.stdout.toString()).toMatch(/Max open files\s+1000\s+1000/);
    });

  test("CVE-2021-41091, CVE-2021-41103: nobody else enters the data root, whatever the umask", async () => {
    const root = join(strake.home, "root");
    for (const path of [root, join(strake.home, "run")])
      expect([path, statSync(path).mode & 0o077]).toEqual([path, 0]);
    const wide = makeStrake();
    try {
      chmodSync(wide.home, 0o755);
      Bun.spawnSync(["sh", "-c", 'umask 0; exec "$@"', "sh", ...wide.program, "images"], { env: wide.env });
      expect(statSync(join(wide.home, "root")).mode & 0o777).toBe(0o700);
    } finally {
      await wide.remove();
    }
    for (const path of [root, join(root, "layers"), join(root, "strake.db"), join(root, "containers")]) {
      const { exitCode, stderr } = asNobody(["ls", path]);
      expect([path, exitCode, stderr]).toEqual([path, expect.any(Number), expect.stringContaining("denied")]);
      expect(exitCode).not.toBe(0);
    }
  });

  test("another user who points strake at root's store is told so, and changes nothing", async () => {
    const root = join(strake.home, "root");
    const before = stampOf(root);
    // A checkout may lie where nobody else may look.
    const copy = join(strake.home, "strake");
    if (process.env.STRAKE_BIN) copyFileSync(process.env.STRAKE_BIN, copy);
    const program = process.env.STRAKE_BIN ? [copy] : strake.program;
    if (asNobody([...program, "version"]).exitCode !== 0)
      return console.log("skipped: nobody may not run strake from this checkout");
    for (const command of [["images"], ["ps"], ["gc"], ["run", "plain", "true"]]) {
      const { exitCode, stderr } = asNobody([...program, ...command], strake.env);
      expect([command, exitCode, stderr]).toEqual([
        command,
        command[0] === "run" ? 125 : 1,
        expect.stringMatching(/^error: .*(belongs to user 0|permission denied|EACCES)[\s\S]*hint: /i),
      ]);
    }
    expect(stampOf(root)).toBe(before);
  });

  test("CVE-2021-30465, CVE-2019-16884, CVE-2025-31133, CVE-2025-52565: mount targets of the image that are links", async () => {
    const secret = join(outside, "secret");
    const cases: [string, string, string][] = [
      ["proc", "proc", outside],
      ["dev", "dev", outside],
      ["dev-up", "dev", `../../../../../..${outside}`],
      ["sys", "sys", outside],
      ["shm", "dev/shm", outside],
      ["hosts", "etc/hosts", secret],
      ["resolv", "etc/resolv.conf", `../../../../../..${secret}`],
      ["console", "dev/console", secret],
      ["null", "dev/null", secret],
    ];
    for (const [name, path, linkname] of cases) {
      const image = `target-${name}`;
      const removed = await tarOf([[`.wh.${path.split("/")[0]}`, ""]]);
      await load(image, removed, await tarOf([[path, { type: "symlink", linkname }]]));
      for (const runtime of runtimes) {
        const env = { STRAKE_RUNTIME: runtime };
        const script =
          "cat /etc/hosts >/dev/null; echo pwned > /etc/hosts; echo pwned > /etc/resolv.conf; head -c1 /proc/kcore";
        const args = ["run", "--rm", "--network", "none", image, "/bin/sh", "-c", script];
        const ran = await strake.run(args, { env });
        const stdin = Buffer.from(`FROM ${image}\nRUN ${script}; true\n`);
        const built = await strake.run(["build", "--no-cache", "--network", "none", "-"], { env, stdin });
        if (!path.includes("/")) {
          const refused = expect.stringContaining(`/${path} of the image is not a directory`);
          expect([name, runtime, ran.code, ran.stderr]).toEqual([name, runtime, 125, refused]);
          expect([name, runtime, built.stderr]).toEqual([name, runtime, refused]);
          expect(built.code).not.toBe(0);
        }
        expect([name, runtime, `${ran.stdout}${built.stderr}`]).toEqual([
          name,
          runtime,
          expect.not.stringContaining("host's"),
        ]);
        expect([name, runtime, readdirSync(outside)]).toEqual([name, runtime, ["secret"]]);
        expect(readFileSync(secret, "utf8")).toBe("host's\n");
      }
    }
  });

  test("CVE-2019-5736, CVE-2019-19921: masked and read-only paths hold, the runtime's own program cannot be written", async () => {
    const program = Bun.which(runtimes[0]!)!;
    const before = stampOf(program);
    const script =
      "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | head -c 100; ls -A /proc/scsi /sys/firmware 2>/dev/null | grep -v :; " +
      "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do (echo x > $f) 2>/dev/null && echo wrote $f; done; " +
      "mount -t tmpfs x /mnt 2>/dev/null && echo mounted; for p in /proc/[0-9]*/exe; do (echo x > $p) 2>/dev/null && echo wrote $p; done; true";
    expect(await run("plain", "sh", "-c", script)).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    const exec = await load(
      "own-exe",
      await tarOf([["bin/evil", { type: "symlink", linkname: "/proc/self/exe" }]]),
    );
    expect(exec).toContain("own-exe");
    await run("own-exe", "/bin/evil");
    expect(stampOf(program)).toBe(before);
  });

  test("CVE-2021-41089: cp leaves modes and owners of the host's folders alone, and of the container's", async () => {
    const folder = join(strake.home, "folder");
    mkdirSync(join(folder, "sub"), { recursive: true });
    chmodSync(folder, 0o751);
    const before = [strake.home, "/tmp", "/"]
      .map((path) => lstatSync(path))
      .map(({ mode, uid }) => [mode, uid]);
    const id = (await strake.ok("run", "-d", "--network", "none", "plain", "sleep", "1000")).trim();
    try {
      await strake.ok(
        "exec",
        id,
        "sh",
        "-c",
        "mkdir -m 700 /kept /kept/sub; chown 1000 /kept; echo x > /kept/sub/f",
      );
      await strake.ok("cp", `${folder}/.`, `${id}:/kept`);
      expect(await strake.ok("exec", id, "stat", "-c", "%a %u", "/kept", "/tmp", "/")).toMatch(/^700 1000\n/);
      await strake.ok("cp", `${id}:/kept/.`, folder);
      expect(lstatSync(folder).mode & 0o7777).toBe(0o751);
      expect(
        [strake.home, "/tmp", "/"].map((path) => lstatSync(path)).map(({ mode, uid }) => [mode, uid]),
      ).toEqual(before);
    } finally {
      await strake.ok("rm", "-f", id);
    }
  });

  test("CVE-2019-14271, CVE-2026-42306: cp runs nothing of the container, packed archives or not", async () => {
    const trojan = { mode: 0o755, content: Buffer.from("#!/bin/sh\necho ran > /ran\necho ran > /tmp/ran\n") };
    const names = ["tar", "xz", "unpigz", "gzip", "gunzip", "bzip2", "zstd", "unxz", "docker-tar"];
    const layer = await tarOf([
      ...names.flatMap((name) => [`bin/${name}`, `usr/bin/${name}`]).map((path) => [path, trojan] as const),
      ["lib/x86_64-linux-gnu/libnss_files.so.2", trojan],
      ["etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"],
    ]);
    await load("trojan", layer);
    const id = (await strake.ok("run", "-d", "--network", "none", "trojan", "sleep", "1000")).trim();
    try {
      const tar = Bun.spawnSync(["tar", "-C", outside, "-c", "secret"]).stdout;
      for (const bytes of [tar, gzipSync(tar), Bun.spawnSync(["xz", "-c"], { stdin: tar }).stdout]) {
        const { code, stderr } = await strake.run(["cp", "-", `${id}:/tmp`], {
          stdin: new Uint8Array(bytes),
        });
        expect([code, stderr]).toEqual([code, expect.not.stringContaining("INTERNAL")]);
      }
      await strake.ok("cp", `${id}:/etc`, join(strake.home, "etc"));
      await strake.ok("cp", join(strake.home, "etc"), `${id}:/copied`);
      expect(await strake.ok("exec", id, "sh", "-c", "ls /ran /tmp/ran 2>/dev/null; cat /tmp/secret")).toBe(
        "host's\n",
      );
    } finally {
      await strake.ok("rm", "-f", id);
    }
  });

  test("CVE-2018-15664, CVE-2026-41567: cp while the container swaps folders for links, and its mounts", async () => {
    const script =
      `mkdir -p /a ${outside}; echo inside > /a/secret; echo inside > ${outside}/secret; echo up; ` +
      `while :; do mv /a /b; ln -s ${outside} /a; rm /a; ln -s /proc/1/root/../../../../.. /a; rm /a; mv /b /a; done`;
    const id = (
      await strake.ok("run", "-d", "--network", "none", "-v", "anon:/vol", "plain", "sh", "-c", script)
    ).trim();
    try {
      for (let tries = 0; tries < 100 && (await strake.ok("logs", id)) !== "up\n"; tries++)
        await Bun.sleep(20);
      writeFileSync(join(strake.home, "new"), "new\n");
      for (let round = 0; round < 15; round++) {
        const target = join(strake.home, `got-${round}`);
        await strake.run(["cp", `${id}:/a/secret`, target]);
        // "new" is what the last lines of an earlier round put there; never what the host has behind the link.
        if (existsSync(target)) expect(["inside\n", "new\n"]).toContain(readFileSync(target, "utf8"));
        await strake.run(["cp", join(strake.home, "new"), `${id}:/a/new`]);
        await strake.run(["cp", join(strake.home, "new"), `${id}:/a/secret`]);
        expect(readdirSync(outside)).toEqual(["secret"]);
      }
      expect(readFileSync(join(outside, "secret"), "utf8")).toBe("host's\n");
    } finally {
      await strake.ok("rm", "-f", "-v", id);
    }
  });

  test("CVE-2024-21626: exec and -w into a descriptor of the host", async () => {
    for (let fd = 3; fd < 12; fd++) {
      const { code, stdout } = await strake.run([
        "run",
        "--rm",
        "--network",
        "none",
        "-w",
        `/proc/self/fd/${fd}`,
        "plain",
        "sh",
        "-c",
        "cat ../../../../etc/shadow; pwd",
      ]);
      expect([fd, code]).not.toEqual([fd, 0]);
      expect(stdout).not.toContain("root:");
    }
  });

  test("nothing is left of all that", async () => {
    expect(await strake.ok("ps", "-aq")).toBe("");
    expect(await lastingTraces(join(strake.home, "run"))).toEqual([]);
    expect(await strake.ok("gc", "--verify")).toContain("clean");
  });
});

/** Runs a command as the user nobody, from a folder nobody may be in. */
function asNobody(words: readonly string[], env: Record<string, string | undefined> = {}) {
  const { exitCode, stderr } = Bun.spawnSync(
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--", ...words],
    { cwd: "/", env: { PATH: process.env.PATH, LC_ALL: "C", HOME: "/nonexistent", ...env } },
  );
  return { exitCode, stderr: stderr.toString() };
}
