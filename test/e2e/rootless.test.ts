import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStrake, type Strake } from "../support/strake.ts";

const nobody = 65534;
const setpriv = Bun.which("setpriv");
const asOther = ["--reuid", String(nobody), "--regid", String(nobody), "--clear-groups"];
const obstacle =
  process.getuid?.() !== 0
    ? "not root, so no other user can be tried"
    : setpriv === null
      ? "setpriv is not installed"
      : process.env.STRAKE_BIN === undefined
        ? "STRAKE_BIN is not set: other users may not read the source"
        : Bun.spawnSync([setpriv, ...asOther, process.env.STRAKE_BIN, "version"]).exitCode !== 0
          ? `other users cannot execute ${process.env.STRAKE_BIN}`
          : undefined;
if (obstacle !== undefined) console.log(`skipped: strake as another user: ${obstacle}`);

/** What works without rights works, and what does not says so. */
describe.skipIf(obstacle !== undefined)("strake as another user", () => {
  let strake: Strake;
  beforeAll(() => {
    strake = makeStrake();
    chmodSync(strake.home, 0o755);
    mkdirSync(join(strake.home, "nobody"));
    chownSync(join(strake.home, "nobody"), nobody, nobody);
  });
  afterAll(async () => await strake?.remove());

  async function asNobody(...args: string[]) {
    const home = join(strake.home, "nobody");
    const child = Bun.spawn([setpriv!, ...asOther, ...strake.program, ...args], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code: await child.exited, stdout, stderr };
  }

  function context(dockerfile: string): string {
    const folder = join(strake.home, "context");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "Dockerfile"), dockerfile);
    writeFileSync(join(folder, "file"), "x");
    return folder;
  }

  test("builds without RUN, lists, saves and verifies", async () => {
    const built = await asNobody("build", "-q", "-t", "c", context("FROM scratch\nCOPY file /\n"));
    expect(built).toMatchObject({ code: 0, stderr: "" });
    expect((await asNobody("images", "-q")).stdout).not.toBe("");
    expect((await asNobody("save", "c", "-o", "c.tar")).code).toBe(0);
    expect((await asNobody("gc", "--verify")).stdout).toContain("clean");
  });

  test("RUN and containers say that they need root, with the line", async () => {
    expect((await asNobody("bootstrap", "busybox")).code).toBe(0);
    const built = await asNobody("build", context("FROM busybox\nRUN true\n"));
    expect(built.code).toBe(1);
    expect(built.stderr).toContain("RUN and containers need root, and this is user 65534");
    expect(built.stderr).toContain(">>> RUN true");
    for (const network of ["bridge", "host"]) {
      const run = await asNobody("run", "--rm", "--network", network, "busybox", "true");
      expect(run.code).toBe(125);
      expect(run.stderr).toContain("need root");
    }
    expect((await asNobody("ps", "-aq")).stdout).toBe("");
    expect((await asNobody("doctor")).stdout).toContain("not root");
  });

  test("another user's data root is refused by name", async () => {
    await strake.ok("images");
    const root = strake.env.STRAKE_ROOT!;
    const { stderr } = await asNobodyIn(root);
    expect(stderr).toContain(root);
  });

  async function asNobodyIn(root: string) {
    const child = Bun.spawn([setpriv!, ...asOther, ...strake.program, "images"], {
      cwd: "/",
      env: { PATH: process.env.PATH, STRAKE_ROOT: root, STRAKE_RUNROOT: "/tmp" },
      stderr: "pipe",
    });
    const stderr = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    return { stderr };
  }
});
