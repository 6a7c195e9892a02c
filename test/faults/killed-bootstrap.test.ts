import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { makeStrake, type Strake } from "../support/strake.ts";

const obstacle =
  process.getuid?.() !== 0
    ? "not root"
    : Bun.which("mmdebstrap") === null
      ? "mmdebstrap is not installed"
      : undefined;
if (obstacle !== undefined) console.log(`skipped: a bootstrap that is stopped: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("a bootstrap that is stopped", () => {
  let strake: Strake;
  beforeAll(() => {
    strake = makeStrake();
  });
  afterAll(async () => await strake?.remove());

  /** Processes that were started with our data root in their environment. */
  const processes = () =>
    readdirSync("/proc").filter((name) => {
      if (!/^\d+$/.test(name) || name === String(process.pid)) return false;
      try {
        return readFileSync(`/proc/${name}/environ`, "latin1").includes(`STRAKE_ROOT=${strake.home}`);
      } catch {
        return false;
      }
    });

  test.each(["SIGINT", "SIGKILL"] as const)(
    "by %s leaves no process, no mount and no file",
    async (signal) => {
      const child = strake.spawn(["bootstrap", "debian:bookworm", "--progress", "plain"]);
      const reader = (child.stderr as ReadableStream<Uint8Array>).getReader();
      let said = "";
      while (!/apt-get update|downloading/.test(said)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`it ended by itself: ${said}`);
        said += Buffer.from(value).toString();
      }
      expect(processes().length).toBeGreaterThan(2);
      child.kill(signal);
      await child.exited;
      for (let i = 0; processes().length > 0 && i < 100; i++) await Bun.sleep(50);
      expect(processes()).toEqual([]);
      expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(strake.home);
      const { code, stdout } = await strake.run(["gc", "--verify"]);
      expect({ code, stdout }).toMatchObject({ code: 0 });
      expect(readdirSync(`${strake.home}/root/work`)).toEqual([]);
      expect(await strake.ok("images", "-q")).toBe("");
    },
    120_000,
  );
});
