import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  busyboxImage,
  type ContainerHome,
  makeContainerHome,
  removeQuietly,
  whyNoContainers,
} from "../../test/support/container-home.ts";
import { bootId, isProcessAlive, kill } from "../sys/index.ts";
import type { CreateOptions } from "./lifecycle/create.ts";
import { monitorPid } from "./monitor/conmon.ts";
import type { LogLine } from "./monitor/log.ts";
import { containerPaths } from "./monitor/paths.ts";

const why = whyNoContainers();
if (why) console.log(`skipped: containers are not run here: ${why}`);

let home: ContainerHome & { remove(): Promise<void> };

beforeAll(() => {
  if (!why) home = makeContainerHome();
});

afterEach(async () => {
  for (const record of home?.containers.list() ?? []) await removeQuietly(home, record.id);
});

afterAll(() => home?.remove());

type Changes = Partial<CreateOptions>;

const create = (script: string, changes: Changes = {}) =>
  home.containers.create({ image: busyboxImage, command: ["sh", "-c", script], network: "none", ...changes });

async function start(script: string, changes: Changes = {}): Promise<string> {
  const { id } = create(script, changes);
  await home.containers.start(id);
  return id;
}

/** Started, and past the given commands. */
async function startReady(script: string): Promise<string> {
  const id = await start(`${script}; echo ready; while :; do sleep 0.01; done`);
  for await (const line of home.containers.logs(id, { follow: true })) if (textOf(line) === "ready\n") break;
  return id;
}

async function output(script: string, changes: Changes = {}): Promise<{ out: string; code: number }> {
  const { id } = create(script, changes);
  let out = "";
  const started = await home.containers.start(id, {
    attach: {
      onOutput: (_, data) => {
        out += Buffer.from(data).toString();
      },
    },
  });
  await started.attachment!.closed;
  return { out, code: await home.containers.wait(id) };
}

/** A client in a process of its own. */
function client(options: Changes, stdio: object = {}) {
  const program = join(import.meta.dir, "../../test/support/container-run.ts");
  return Bun.spawn([process.execPath, program, home.home, JSON.stringify({ network: "none", ...options })], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...stdio,
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 2000; n++) {
    if (await condition()) return;
    await Bun.sleep(10);
  }
  throw new Error(`waited in vain for ${condition}`);
}

async function exec(id: string, script: string, more: object = {}): Promise<{ out: string; code: number }> {
  let out = "";
  const code = await home.containers.exec(id, {
    args: ["sh", "-c", script],
    onOutput: (_, data) => {
      out += Buffer.from(data).toString();
    },
    ...more,
  });
  return { out, code };
}

const state = (id: string) => home.containers.get(id).state;
const textOf = (line: LogLine) => Buffer.from(line.data).toString();

describe.skipIf(why !== undefined)("a container", () => {
  test("runs, ends and keeps its exit code", async () => {
    expect(await output("echo hi; exit 3")).toEqual({ out: "hi\n", code: 3 });
    expect(home.containers.list()[0]?.state).toMatchObject({ status: "exited", exitCode: 3 });
  });

  test("can be started again with what it wrote", async () => {
    const { id } = create("cat /mark 2>/dev/null; echo x >> /mark");
    for (const expected of ["", "x\n", "x\nx\n"]) {
      let out = "";
      const onOutput = (_: string, data: Uint8Array) => {
        out += Buffer.from(data).toString();
      };
      const { attachment } = await home.containers.start(id, { attach: { onOutput } });
      await attachment!.closed;
      await home.containers.wait(id);
      expect(out).toBe(expected);
    }
  });

  test("restart keeps one that removes itself (--rm), with what it wrote; stop removes it", async () => {
    const id = await start("echo run >> /runs; cat /runs; exec sleep 60", { autoRemove: true });
    for (const runs of ["run\nrun\n", "run\nrun\nrun\n"]) {
      await home.containers.restart(id, { timeout: 0 });
      expect(home.containers.get(id).state.status).toBe("running");
      let said = "";
      for await (const line of home.containers.logs(id, { follow: true })) {
        said += textOf(line);
        if (said.endsWith(runs)) break;
      }
    }
    expect(home.containers.get(id).restarter).toBeUndefined();
    await home.containers.stop(id, { timeout: 0 });
    expect(home.containers.list()).toEqual([]);
  });

  test("a restart that was killed in the middle leaves nothing of one that removes itself", async () => {
    const { id } = create("true", { autoRemove: true });
    const dead = { pid: 1 << 22, startTime: 1, bootId: bootId() };
    const { records } = home.containers.services;
    const over = { status: "exited", exitCode: 0, finishedAt: 0 } as const;
    records.update(id, (now) => ({ ...now, state: over, restarter: dead }));
    mkdirSync(containerPaths(home.root, home.runRoot, id).run, { recursive: true });
    await home.containers.reconcile();
    expect(home.containers.list()).toEqual([]);
  });

  test("/.dockerenv tells programs that they run in a container; a link in its place is not followed", async () => {
    expect((await output("stat -c '%F %a %s' /.dockerenv")).out).toBe("regular empty file 755 0\n");
    const { id } = create("rm /.dockerenv; ls /.dockerenv");
    await home.containers.start(id);
    await home.containers.wait(id);
    await home.containers.start(id);
    expect(await home.containers.wait(id)).toBe(1);
  });

  test("does not share its writable layer with another of the same image", async () => {
    await output("echo mine > /mark");
    expect((await output("cat /mark")).code).toBe(1);
    expect(existsSync(join(home.home, "image/mark"))).toBe(false);
  });

  test.each([
    [["nope"], 127],
    [["/etc/passwd"], 126],
    [["/etc"], 126],
  ])("%j ends with %d and leaves the reason", async (command, code) => {
    const { id } = create("", { command });
    await expect(home.containers.start(id)).rejects.toMatchObject({ exitCode: code });
    expect(state(id)).toMatchObject({ status: "created", exitCode: code, error: expect.any(String) });
    expect(existsSync(containerPaths(home.root, home.runRoot, id).run)).toBe(false);
  });

  test("125 when the container itself cannot be made", async () => {
    const mount = {
      type: "bind",
      source: "/does/not/exist",
      destination: "/x",
      readonly: false,
      createSource: false,
    } as const;
    const { id } = create("true", { mounts: [mount], autoRemove: true });
    await expect(home.containers.start(id)).rejects.toMatchObject({ exitCode: 125 });
    expect(home.containers.list()).toEqual([]);
  });

  test("has a name that is its own", () => {
    create("true", { name: "one" });
    expect(() => create("true", { name: "one" })).toThrow(
      expect.objectContaining({ code: "CONTAINER_NAME_TAKEN" }),
    );
    home.containers.rename("one", "two");
    expect(home.containers.get("two").name).toBe("two");
    expect(() => home.containers.get("one")).toThrow(
      expect.objectContaining({ code: "CONTAINER_NOT_FOUND" }),
    );
  });

  test("is stopped by its signal, or killed after the timeout (137)", async () => {
    const polite = await startReady("trap 'exit 5' TERM");
    await home.containers.stop(polite);
    expect(state(polite)).toMatchObject({ status: "exited", exitCode: 5 });
    const deaf = await startReady("trap '' TERM");
    await home.containers.stop(deaf, { timeout: 0.2 });
    expect(state(deaf)).toMatchObject({ exitCode: 137 });
  });

  test("kill sends any signal, wait gives 128 + n", async () => {
    const id = await startReady("trap 'exit 9' USR1");
    home.containers.kill(id, "USR1");
    expect(await home.containers.wait(id)).toBe(9);
    expect(() => home.containers.kill(id)).toThrow(expect.objectContaining({ code: "CONTAINER_STATE" }));
  });

  test("is removed only by force while it runs", async () => {
    const id = await start("sleep 1000");
    await expect(home.containers.remove(id)).rejects.toMatchObject({ code: "CONTAINER_STATE" });
    await home.containers.remove(id, { force: true });
    expect(home.containers.list()).toEqual([]);
  });

  test("read-only root, tmpfs, bind and its read-only form", async () => {
    const bind = (readonly: boolean, destination: string) =>
      ({ type: "bind", source: home.home, destination, readonly, createSource: false }) as const;
    const { out } = await output(
      "touch /x || echo A; touch /t/x && echo B; touch /ro/x || echo C; touch /rw/by-container && echo D",
      {
        readonlyRootfs: true,
        mounts: [{ type: "tmpfs", destination: "/t", options: [] }, bind(true, "/ro"), bind(false, "/rw")],
      },
    );
    expect(out.match(/^[A-D]$/gm)).toEqual(["A", "B", "C", "D"]);
    expect(existsSync(join(home.home, "by-container"))).toBe(true);
  });

  test("hostname, user by name, environment, added hosts and name servers", async () => {
    const { out } = await output("hostname; id -un; echo $A; grep db /etc/hosts; cat /etc/resolv.conf; pwd", {
      hostname: "box",
      user: "app",
      env: ["A=b c"],
      extraHosts: [{ address: "192.0.2.7", names: ["db"] }],
      dns: ["192.0.2.53"],
      workingDir: "/new/folder",
    });
    expect(out).toBe("box\napp\nb c\n192.0.2.7\tdb\nnameserver 192.0.2.53\n/new/folder\n");
  });

  test("CVE-2024-40635: a user id beyond the range is refused, not wrapped to root", async () => {
    const { id } = create("id", { user: "4294967296" });
    await expect(home.containers.start(id)).rejects.toMatchObject({ exitCode: 125 });
  });
});

describe.skipIf(why !== undefined)("logs", () => {
  test("keep both streams, cut by tail, follow to the end", async () => {
    const id = await start("echo one; echo two >&2; sleep 0.2; echo three");
    const followed: string[] = [];
    for await (const line of home.containers.logs(id, { follow: true }))
      followed.push(`${line.stream} ${textOf(line)}`);
    expect(followed.sort()).toEqual(["stderr two\n", "stdout one\n", "stdout three\n"]);
    const last: string[] = [];
    for await (const line of home.containers.logs(id, { tail: 1 })) last.push(textOf(line));
    expect(last).toEqual(["three\n"]);
  });

  test("do not fill the disk (user-pain 39)", async () => {
    const { id } = create("seq 1 40000; sleep 0.1", { logSizeMax: 65536 });
    await home.containers.start(id);
    await home.containers.wait(id);
    const { log } = containerPaths(home.root, home.runRoot, id);
    expect(readFileSync(log).length).toBeLessThan(65536 + 8192);
    let last = "";
    for await (const line of home.containers.logs(id)) last = textOf(line);
    expect(last).toBe("40000\n");
  });
});

describe.skipIf(why !== undefined)("exec", () => {
  test("runs another process with its own user, folder and environment", async () => {
    const id = await start("sleep 1000", { env: ["KEPT=1"] });
    const { out, code } = await exec(id, "id -u; pwd; echo $KEPT$ADDED; exit 4", {
      user: "app",
      workingDir: "/tmp",
      env: ["ADDED=2"],
    });
    expect({ out, code }).toEqual({ out: "1000\n/tmp\n12\n", code: 4 });
  });

  test("127 and 126, input, a terminal of its own, detached", async () => {
    const id = await start("sleep 1000");
    await expect(home.containers.exec(id, { args: ["nope"] })).rejects.toMatchObject({ exitCode: 127 });
    await expect(home.containers.exec(id, { args: ["/etc/passwd"] })).rejects.toMatchObject({
      exitCode: 126,
    });
    expect((await exec(id, "cat", { stdin: Buffer.from("in\n") })).out).toBe("in\n");
    expect((await exec(id, "tty; echo $TERM", { terminal: true })).out).toBe("/dev/pts/0\r\nxterm\r\n");
    for (let round = 0; round < 40; round++)
      expect([round, (await exec(id, "seq 1 3", { terminal: true })).out]).toEqual([
        round,
        "1\r\n2\r\n3\r\n",
      ]);
    const many = (await exec(id, "seq 1 30000", { terminal: true })).out;
    expect([many.length, many.slice(-14)]).toEqual([198_894, "29999\r\n30000\r\n"]);
    expect(await home.containers.exec(id, { args: ["touch", "/detached"], detach: true })).toBe(0);
    await until(async () => (await exec(id, "test -e /detached")).code === 0);
  });

  test("CVE-2022-24769: holds no inheritable capabilities; CVE-2024-21626: no folder in /proc", async () => {
    const id = await start("sleep 1000");
    const { out } = await exec(id, "grep -E '^Cap(Inh|Amb|Eff)|^Seccomp:' /proc/self/status");
    expect(out.replace(/\t/g, " ")).toBe(
      "CapInh: 0000000000000000\nCapEff: 00000000a80425fb\nCapAmb: 0000000000000000\nSeccomp: 2\n",
    );
    for (const workingDir of ["/proc/self/fd/9", "//proc/./self/fd/9", "/x/../proc/self/fd/9"])
      await expect(exec(id, "ls", { workingDir })).rejects.toMatchObject({ code: "CONTAINER_PATH_INVALID" });
  });

  test("needs a running container", async () => {
    const { id } = create("true");
    await expect(exec(id, "true")).rejects.toMatchObject({ code: "CONTAINER_STATE" });
  });
});

describe.skipIf(why !== undefined)("the foreground", () => {
  test("passes input, output, errors and the exit code, and removes with --rm", async () => {
    const child = client(
      { command: ["sh", "-c", "cat; echo err >&2; exit 6"], openStdin: true, autoRemove: true },
      { stdin: Buffer.from("input\n") },
    );
    expect(await new Response(child.stdout).text()).toBe("input\n");
    expect(await new Response(child.stderr).text()).toBe("err\n");
    expect(await child.exited).toBe(6);
    expect(home.containers.list()).toEqual([]);
    expect(readdirSync(join(home.runRoot, "containers"))).toEqual([]);
  });

  test("hands signals on", async () => {
    const child = client({
      command: ["sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.01; done"],
    });
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(42);
  });

  test("large output arrives whole", async () => {
    const child = client({ command: ["sh", "-c", "seq 1 200000"], autoRemove: true });
    const out = await new Response(child.stdout).text();
    expect(out.length).toBe(1288895);
    expect(out.endsWith("\n200000\n")).toBe(true);
  });

  test("a terminal is a real one: raw, sized, resized", async () => {
    let screen = "";
    const child = client(
      { command: ["sh"], terminal: true, openStdin: true, autoRemove: true },
      {
        stdin: undefined,
        stdout: undefined,
        stderr: undefined,
        terminal: {
          cols: 91,
          rows: 33,
          data: (_: unknown, data: Uint8Array) => {
            screen += Buffer.from(data).toString();
          },
        },
      },
    );
    const { terminal } = child as unknown as {
      terminal: { write(text: string): void; resize(c: number, r: number): void };
    };
    await until(() => screen.includes("# "));
    terminal.write("stty size; tty\n");
    await until(() => screen.includes("33 91") && screen.includes("/dev/pts/0"));
    terminal.resize(100, 40);
    // The new size takes its way through client and monitor while the next line takes its own.
    await until(async () => {
      terminal.write("stty size\n");
      await Bun.sleep(100);
      return screen.includes("40 100");
    });
    terminal.write("exit 8\n");
    expect(await child.exited).toBe(8);
  });

  test("the detach keys leave it running", async () => {
    let screen = "";
    const child = client(
      { name: "stays", command: ["sh"], terminal: true, openStdin: true },
      {
        stdin: undefined,
        stdout: undefined,
        stderr: undefined,
        terminal: {
          data: (_: unknown, data: Uint8Array) => {
            screen += Buffer.from(data).toString();
          },
        },
      },
    );
    const { terminal } = child as unknown as { terminal: { write(text: string): void } };
    await until(() => screen.includes("# "));
    terminal.write("\x10\x11");
    expect(await child.exited).toBe(0);
    expect(state("stays").status).toBe("running");
  });

  test("a killed client leaves the container running, whose monitor then cleans up", async () => {
    const script = "echo up; until [ -e /end ]; do sleep 0.05; done";
    const child = client({ name: "orphan", command: ["sh", "-c", script], autoRemove: true });
    await child.stdout.getReader().read();
    child.kill("SIGKILL");
    await child.exited;
    expect(state("orphan").status).toBe("running");
    await exec("orphan", "touch /end");
    await until(() => home.containers.list().length === 0);
    await until(() => readdirSync(join(home.runRoot, "containers")).length === 0);
  });
});

describe.skipIf(why !== undefined)("reconcile", () => {
  test("a container whose monitor was killed is over, and cleaned by the next command", async () => {
    const id = await start("sleep 1000");
    const paths = containerPaths(home.root, home.runRoot, id);
    const running = state(id);
    kill(monitorPid(paths)!, 9);
    if (running.status === "running") kill(running.pid, 9);
    await until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ exitCode: 255, error: "its monitor was killed" });
    await home.containers.reconcile();
    expect(existsSync(paths.run)).toBe(false);
  });

  test("a restart of the machine ends what ran", async () => {
    const id = await start("sleep 1000", { autoRemove: true });
    const running = state(id);
    if (running.status !== "running") throw new Error("it does not run");
    home.containers.services.records.update(id, (now) => ({
      ...now,
      state: { ...running, bootId: "another boot" },
    }));
    expect(state(id)).toMatchObject({ status: "exited", error: "the machine was restarted" });
    await home.containers.reconcile({ deep: true });
    expect(home.containers.list()).toEqual([]);
    await until(() => !isProcessAlive(running.pid, running.processStart));
  });

  test("a start that was cut off is undone", async () => {
    const id = await start("sleep 1000");
    const running = state(id);
    const paths = containerPaths(home.root, home.runRoot, id);
    home.containers.services.records.update(id, (now) => ({ ...now, state: { status: "created" } }));
    // A monitor that is slow to notice must not tell of the first end when the second start is running.
    const monitor = monitorPid(paths)!;
    kill(monitor, 19);
    await home.containers.reconcile();
    expect(existsSync(paths.run)).toBe(false);
    await until(() => !isProcessAlive(monitor));
    if (running.status === "running") await until(() => !isProcessAlive(running.pid, running.processStart));
    await home.containers.start(id);
    expect(state(id).status).toBe("running");
  });

  test("a build step whose builder was killed is ended, and its folder goes", async () => {
    const folder = join(home.runRoot, "steps/step-dead");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "owner.json"), JSON.stringify({ pid: 2 ** 22 - 1, startTime: 1 }));
    await home.containers.reconcile();
    expect(existsSync(folder)).toBe(false);
  });

  test("two starts at once: one wins", async () => {
    const { id } = create("sleep 1000");
    const results = await Promise.allSettled([home.containers.start(id), home.containers.start(id)]);
    expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});

describe.skipIf(why !== undefined)("inspect and top", () => {
  test("speak Docker's language", async () => {
    const id = await start("sleep 1000", { name: "seen", labels: { a: "b" } });
    expect(home.containers.inspect("seen")).toMatchObject({
      Id: id,
      Name: "/seen",
      State: { Status: "running", Running: true, Pid: expect.any(Number) },
      Config: { Labels: { a: "b" }, Cmd: ["sh", "-c", "sleep 1000"] },
      HostConfig: { NetworkMode: "none" },
    });
    expect((await home.containers.top("seen")).titles).toContain("PID");
    await until(async () =>
      (await home.containers.top("seen")).processes.some((row) => row.at(-1) === "sleep 1000"),
    );
  });
});
