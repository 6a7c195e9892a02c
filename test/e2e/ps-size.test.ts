import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: ps --size: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("ps --size", () => {
  let strake: Strake;
  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox");
  }, 60_000);
  afterAll(async () => await strake?.remove());

  test("shows what each container wrote, and with its image", async () => {
    const image = JSON.parse(await strake.ok("image", "inspect", "busybox"))[0] as { Size: number };
    const run = async (name: string, script: string) =>
      await strake.ok("run", "--network", "none", "--name", name, "busybox", "sh", "-c", script);
    await run("nothing", "rm /etc/group; mkdir /empty; ln -s /x /link");
    await run("files", "head -c 1000000 /dev/zero > /a; head -c 234000 /dev/zero > /tmp/b; rm -rf /var");
    await run("sparse", "truncate -s 5000000 /hole; ln /hole /second");
    await strake.ok("run", "-d", "--name", "living", "--network", "none", "busybox", "sleep", "1000");
    await strake.ok("exec", "living", "sh", "-c", "echo x >> /etc/passwd; head -c 4000 /dev/zero > /c");
    const passwd = Number(await strake.ok("exec", "living", "stat", "-c", "%s", "/etc/passwd"));

    const own = { nothing: 0, files: 1_234_000, sparse: 5_000_000, living: 4000 + passwd };
    const shown = await strake.ok("ps", "-a", "--format", "{{.Names}}={{.Size}}");
    for (const [name, bytes] of Object.entries(own))
      expect(shown.split("\n")).toContain(`${name}=${size(bytes)} (virtual ${size(image.Size + bytes)})`);

    const table = (await strake.ok("ps", "--size")).split("\n");
    expect(table[0]).toMatch(/NAMES +SIZE$/);
    expect(table[1]).toEndWith(`living    ${size(own.living)} (virtual ${size(image.Size + own.living)})`);
    expect(table).toHaveLength(3);
    expect(await strake.ok("ps", "-s")).toBe(await strake.ok("ps", "--size"));
    expect(await strake.ok("ps")).not.toContain("SIZE");
    await strake.ok("rm", "-f", "living");
  }, 60_000);
});

/** Three digits in units of 1000, as docker writes sizes. */
function size(bytes: number): string {
  const units = ["B", "kB", "MB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1000; value /= 1000) unit++;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}
