import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OtherUser, otherUser, otherUserObstacle } from "../support/other-user.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const obstacle = otherUserObstacle();
if (obstacle !== undefined) console.log(`skipped: strake as another user: ${obstacle}`);

/** What works without rights works, and what does not says so. */
describe.skipIf(obstacle !== undefined)("strake as another user", () => {
  let strake: Strake;
  let nobody: OtherUser;
  beforeAll(() => {
    strake = makeStrake();
    nobody = otherUser(strake, 65534);
  });
  afterAll(async () => await strake?.remove());

  const asNobody = (...args: string[]) => nobody.run(args, { HOME: nobody.folder });

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
    const refused = await nobody.run(["images"], { STRAKE_ROOT: root, STRAKE_RUNROOT: "/tmp" });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(root);
  });
});
