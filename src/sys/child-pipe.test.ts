import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { ChildPipe } from "./child-pipe.ts";

const descriptors = () => readdirSync("/proc/self/fd").length;

test.skipIf(process.platform !== "linux")(
  "a child reads and writes through pipes that have names",
  async () => {
    // Bun opens a pipe of its own for the first child.
    await Bun.spawn(["true"], { stdio: ["ignore", "ignore", "ignore"] }).exited;
    const before = descriptors();
    {
      using input = new ChildPipe("input");
      using output = new ChildPipe("output");
      const script = "cat /dev/stdin; echo end > /dev/stdout";
      const child = Bun.spawn(["sh", "-c", script], {
        stdin: input.childEnd,
        stdout: output.childEnd,
        stderr: "ignore",
      });
      input.passed();
      output.passed();
      const written = new Uint8Array(300_000).fill(65);
      const reading = new Response(output.stream()).text();
      await input.write(written);
      input[Symbol.dispose]();
      expect(await child.exited).toBe(0);
      expect(await reading).toBe(`${"A".repeat(300_000)}end\n`);
    }
    // A stream that was read to its end is closed a moment later.
    for (let tries = 0; descriptors() !== before && tries < 200; tries++) await Bun.sleep(5);
    expect(descriptors()).toBe(before);
  },
);

test.skipIf(process.platform !== "linux")("writing to a child that is gone is refused", async () => {
  using input = new ChildPipe("input");
  const child = Bun.spawn(["true"], { stdin: input.childEnd });
  input.passed();
  await child.exited;
  await expect(input.write(new Uint8Array(1))).rejects.toMatchObject({ code: "EPIPE" });
});
