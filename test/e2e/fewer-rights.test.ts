import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { containerObstacle, makeStrake, outcomeOf, type Strake } from "../support/strake.ts";

const [setpriv, unshare] = [Bun.which("setpriv"), Bun.which("unshare")];
const obstacle =
  containerObstacle() ?? (setpriv && unshare ? undefined : "setpriv or unshare is not installed");
if (obstacle !== undefined) console.log(`skipped: strake as a root with fewer rights: ${obstacle}`);

const privileged =
  "start the container that strake is in with --privileged (in a pod: securityContext.privileged)";
const noMounts = "this root may not mount (no CAP_SYS_ADMIN)";
const noGroups = /this root may make no control groups \(\/sys\/fs\/cgroup\S* cannot be written\)/;

/** As in a container of docker or a pod that was not given more. */
describe.skipIf(obstacle !== undefined)("a root with fewer rights", () => {
  let strake: Strake;
  let context: string;
  beforeAll(async () => {
    strake = makeStrake();
    context = join(strake.home, "context");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN true\n");
    await strake.ok("bootstrap", "busybox");
  });
  afterAll(async () => await strake?.remove());

  const start = (words: readonly string[], args: readonly string[]) =>
    outcomeOf(
      Bun.spawn([...words, ...strake.program, ...args], {
        env: strake.env,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    );

  const withoutMounts = (...args: string[]) =>
    start([setpriv!, "--bounding-set", "-sys_admin,-net_admin", "--inh-caps", "-all"], args);

  const lock =
    "for g in $(sed -n 's, /sys/fs/cgroup.* - cgroup2\\? .*,&,p' /proc/self/mountinfo | cut -d' ' -f5); do mount -o remount,bind,ro $g; done";
  const withoutGroups = (...args: string[]) =>
    start([unshare!, "-m", "sh", "-c", `${lock}; exec "$@"`, "sh"], args);

  test("is told by RUN, run and doctor what is missing when it may not mount", async () => {
    const build = await withoutMounts("build", context);
    expect(build.code).toBe(1);
    expect(build.stderr).toContain(`error: RUN and containers need root, and ${noMounts}\n`);
    expect(build.stderr).toContain(`hint: ${privileged}; builds without RUN`);
    const run = await withoutMounts("run", "--rm", "busybox", "true");
    expect(run).toMatchObject({ code: 125, stdout: "" });
    expect(run.stderr).toContain(privileged);
    const doctor = await withoutMounts("doctor");
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toContain(`MISSING  rights           ${noMounts}: RUN and containers`);
    expect(doctor.stdout).toContain(`fix: ${privileged}\n`);
    expect(doctor.stdout).toContain("this root may not make networks (no CAP_NET_ADMIN)\n");
    expect(doctor.stdout).not.toContain("use --network host");
  });

  test("is told the same when it may make no control groups", async () => {
    for (const network of ["host", "none"]) {
      const run = await withoutGroups("run", "--rm", "--network", network, "busybox", "true");
      expect(run).toMatchObject({ code: 125, stdout: "" });
      expect(run.stderr).toMatch(noGroups);
      expect(run.stderr).toContain(`hint: ${privileged}`);
    }
    const build = await withoutGroups("build", "--network", "host", context);
    expect(build.code).not.toBe(0);
    expect(build.stderr).toMatch(noGroups);
    expect(build.stderr).toContain(">>> RUN true");
    const doctor = await withoutGroups("doctor");
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(noGroups);
  });

  test("left nothing, and works once it has them", async () => {
    expect(await strake.ok("ps", "-aq")).toBe("");
    expect(await strake.ok("gc", "--verify")).toContain("clean");
    await strake.ok("build", context);
    await strake.ok("run", "--rm", "--network", "none", "busybox", "true");
  });
});
