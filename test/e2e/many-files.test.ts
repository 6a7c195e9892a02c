import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStrake, type Strake } from "../support/strake.ts";

// A context of this size makes the executable start itself anew without one of the engine's compilers (src/cli/lean-engine.ts):
// words, standard input, exit codes and signals must come through.

let strake: Strake;
let context: string;
beforeAll(() => {
  strake = makeStrake();
  context = join(strake.home, "a context");
  for (let d = 0; d < 25; d++) {
    mkdirSync(join(context, `d${d}`), { recursive: true });
    for (let i = 0; i < 100; i++) writeFileSync(join(context, `d${d}`, `f${i}`), `${d} ${i}`);
  }
});
afterAll(() => strake.remove());

const dockerfile = 'FROM scratch\nARG WORDS\nLABEL words="$WORDS"\nCOPY . /\n';

describe("a build of 2,500 files", () => {
  test("takes words with spaces and a Dockerfile from stdin", async () => {
    const args = ["build", "-t", "many", "-f", "-", "--build-arg", "WORDS=one  two", context];
    const built = await strake.run(args, { stdin: Buffer.from(dockerfile) });
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("built sha256:")]);
    expect(JSON.parse(await strake.ok("inspect", "many"))[0].Config.Labels).toEqual({ words: "one  two" });
  });
  test("is cached when nothing changed, and another image when one file did", async () => {
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    const build = () => strake.ok("build", "-q", context);
    const first = await build();
    expect(await build()).toBe(first);
    writeFileSync(join(context, "d7", "f7"), "changed");
    expect(await build()).not.toBe(first);
  });
  test("fails as others do", async () => {
    const failed = await strake.run(["build", "-f", "nothing", context]);
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("nothing")]);
  });
  test("ends when interrupted, and leaves nothing half-made", async () => {
    const child = strake.spawn(["build", "--no-cache", "-q", context]);
    while (
      child.exitCode === null &&
      !readdirSync(join(strake.home, "root", "layers")).some((name) => !/^[0-9a-f]{64}$/.test(name))
    )
      await Bun.sleep(1);
    child.kill("SIGINT");
    expect([0, 130]).toContain(await child.exited);
    expect(await strake.ok("gc", "--verify")).not.toContain("damage");
  });
});
