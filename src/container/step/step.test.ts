import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillBusyboxRoot } from "../../../test/support/busybox.ts";
import { whyNoContainers } from "../../../test/support/container-home.ts";
import { Runtime } from "../runtime/runtime.ts";
import { runStep, type StepOptions } from "./step.ts";

const why = whyNoContainers();
if (why) console.log(`skipped: steps are not run here: ${why}`);

let home = "";
let rootfs = "";

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-step-"));
  rootfs = join(home, "rootfs");
  mkdirSync(rootfs);
  if (!why) fillBusyboxRoot(rootfs);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

const runRoot = () => join(home, "run");

async function step(script: string | string[], changes: Partial<StepOptions> = {}) {
  let out = "";
  const { status } = await runStep({
    runRoot: runRoot(),
    rootfs,
    args: typeof script === "string" ? ["sh", "-c", script] : script,
    env: ["PATH=/bin"],
    cwd: "/",
    user: { uid: 0, gid: 0 },
    network: "none",
    onOutput: (_, data) => {
      out += Buffer.from(data).toString();
    },
    ...changes,
  });
  return { status, out };
}

describe.skipIf(why !== undefined).each(["crun", "runc"] as const)("a step under %s", (prefer) => {
  const runtime = () => Runtime.find({ runRoot: runRoot(), prefer });

  test("output can be opened by its name, also by another user", async () => {
    const script = "echo out > /dev/fd/1; echo x | tee /dev/fd/1";
    for (const uid of [0, 1000]) {
      const result = await step(script, { runtime: runtime(), user: { uid, gid: uid } });
      expect([uid, result]).toEqual([uid, { status: 0, out: "out\nx\nx\n" }]);
    }
  });

  test("gives output and status", async () => {
    const result = await step("echo out; sleep 0.05; echo err >&2; exit 7", { runtime: runtime() });
    expect(result).toEqual({ status: 7, out: "out\nerr\n" });
  });

  test("127, 126 for what cannot be run", async () => {
    await expect(step(["nope"], { runtime: runtime() })).rejects.toMatchObject({ exitCode: 127 });
    await expect(step(["/etc/passwd"], { runtime: runtime() })).rejects.toMatchObject({ exitCode: 126 });
  });

  test("runs as the user, with supplementary groups and the home of the container's passwd", async () => {
    const user = { uid: 1000, gid: 1000, additionalGids: [10] };
    const { out } = await step("id; echo $HOME", { user, runtime: runtime() });
    expect(out).toBe("uid=1000(app) gid=1000(app) groups=10(wheel)\n/home/app\n");
  });

  test("holds Docker's capabilities, none of them inheritable, and a filter", async () => {
    const { out } = await step("grep -E '^(Cap|Seccomp:|NoNew)' /proc/self/status", { runtime: runtime() });
    expect(out.replace(/\t/g, " ")).toBe(
      "CapInh: 0000000000000000\nCapPrm: 00000000a80425fb\nCapEff: 00000000a80425fb\n" +
        "CapBnd: 00000000a80425fb\nCapAmb: 0000000000000000\nNoNewPrivs: 0\nSeccomp: 2\n",
    );
  });

  test("the filter keeps namespaces and mounts shut", async () => {
    const { out } = await step("unshare -U true || echo A; mount -t tmpfs x /tmp || echo B", {
      runtime: runtime(),
    });
    expect(out).toContain("A\n");
    expect(out).toContain("B\n");
  });

  test("cannot read a disk of the host through a device node it makes", async () => {
    const { out } = await step(
      "mknod /tmp/all b 254 0 && dd if=/tmp/all of=/dev/null count=1 2>&1; rm -f /tmp/all",
      {
        runtime: runtime(),
      },
    );
    expect(out).toContain("not permitted");
  });

  test("CVE-2024-21626: a working directory in /proc is refused, also behind a link", async () => {
    symlinkSync("/proc/self/fd", join(rootfs, `trap-${prefer}`));
    for (const cwd of ["/proc/self/fd/7", "/proc/self/fd/7/../..", `/trap-${prefer}/8`, "/proc/1/cwd"])
      await expect(step("ls", { cwd, runtime: runtime() })).rejects.toMatchObject({
        code: "CONTAINER_PATH_INVALID",
      });
    rmSync(join(rootfs, `trap-${prefer}`));
  });

  test("an abort kills every process of it", async () => {
    const mark = `${31000 + process.pid}`;
    const abort = new AbortController();
    const running = step(`sleep ${mark} & sleep ${mark}`, { signal: abort.signal, runtime: runtime() });
    setTimeout(() => abort.abort(), 150);
    await expect(running).rejects.toMatchObject({ code: "CANCELED" });
    expect(processesWith(mark)).toEqual([]);
  });
});

describe.skipIf(why !== undefined)("a step", () => {
  test("leaves no mount points behind and no changed folder", async () => {
    const before = statSync(join(rootfs, "etc")).mtimeMs;
    const source = join(home, "ca.pem");
    writeFileSync(source, "certificate");
    const mount = { destination: "/deep/er/ca.pem", type: "bind", source, options: ["rbind", "ro"] };
    const { out } = await step("cat /deep/er/ca.pem; hostname; ls /dev/shm", { mounts: [mount] });
    expect(out).toBe("certificatestrake-build\n");
    expect(readdirSync(join(rootfs, "etc")).sort()).toEqual(["group", "passwd"]);
    expect(existsSync(join(rootfs, "deep"))).toBe(false);
    expect(readdirSync(join(rootfs, "dev"))).toEqual([]);
    expect(statSync(join(rootfs, "etc")).mtimeMs).toBe(before);
  });

  test("works with a resolv.conf that is a link to nothing, as many images have", async () => {
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", join(rootfs, "etc/resolv.conf"));
    expect((await step("test -s /etc/resolv.conf && echo there")).out).toBe("there\n");
    expect(existsSync(join(rootfs, "run"))).toBe(false);
    rmSync(join(rootfs, "etc/resolv.conf"));
  });

  test("writing to a lent file fails instead of being lost; /etc/hostname is the image's own", async () => {
    const { out } = await step(
      "for f in hosts resolv.conf hostname; do echo mine > /etc/$f || echo no $f; done 2>/dev/null; echo kept > /kept",
    );
    expect(out).toBe("no hosts\nno resolv.conf\n");
    expect(existsSync(join(rootfs, "kept"))).toBe(true);
    expect(existsSync(join(rootfs, "etc/resolv.conf"))).toBe(false);
    expect(readFileSync(join(rootfs, "etc/hostname"), "utf8")).toBe("mine\n");
    rmSync(join(rootfs, "etc/hostname"));
  });

  test("without a network the host's name still leads to the loopback", async () => {
    expect((await step("grep strake-build /etc/hosts")).out).toBe("127.0.0.1\tstrake-build\n");
  });

  test("CVE-2024-23652: a command that puts a link in the way of a stub loses nothing of the host", async () => {
    const victim = join(home, "victim");
    mkdirSync(victim);
    writeFileSync(join(victim, "empty"), "");
    const mount = { destination: "/a/b/empty", type: "bind", source: "/dev/null", options: ["rbind"] };
    const moved = await step(`mv /a /gone; ln -s ${victim} /a; mkdir -p /gone; echo done`, {
      mounts: [mount],
    });
    expect(moved.out).toContain("done");
    expect(existsSync(join(victim, "empty"))).toBe(true);
    rmSync(join(rootfs, "a"), { recursive: true, force: true });
    rmSync(join(rootfs, "gone"), { recursive: true, force: true });
  });

  test("reads stdin, and is held back by a slow reader instead of filling memory", async () => {
    expect((await step(["cat"], { stdin: Buffer.from("hello\n") })).out).toBe("hello\n");
    let bytes = 0;
    await step("dd if=/dev/zero bs=64k count=160 2>/dev/null", {
      onOutput: async (_, data) => {
        bytes += data.length;
        await Bun.sleep(0);
      },
    });
    expect(bytes).toBe(160 * 65536);
  });

  test("host network has the host's interfaces, none only loopback", async () => {
    expect((await step("ip -o link | wc -l", { network: "none" })).out.trim()).toBe("1");
    expect(Number((await step("ip -o link | wc -l", { network: "host" })).out)).toBeGreaterThan(1);
  });

  test("the default network is a place on the bridge and reaches the host's way out; all of it goes", async () => {
    const { out } = await step("ip -o -4 addr show eth0; ip route; cat /etc/hosts", { network: "default" });
    expect(out).toMatch(/inet 10\.\d+\.\d+\.\d+\/16/);
    expect(out).toContain("default via 10.");
    expect(out).toContain("strake-build");
    expect(readdirSync(join(runRoot(), "network/leases"))).toEqual([]);
  });

  test("leaves nothing in the run root", () => {
    expect(readdirSync(join(runRoot(), "steps"))).toEqual([]);
    for (const name of ["crun", "runc"]) {
      const state = join(runRoot(), "runtime", name);
      if (existsSync(state)) expect(readdirSync(state)).toEqual([]);
    }
  });
});

/** Command lines on the host that hold the text. */
function processesWith(text: string): string[] {
  return Bun.spawnSync(["ps", "-eo", "args"])
    .stdout.toString()
    .split("\n")
    .filter((line) => line.includes(`sleep ${text}`));
}
