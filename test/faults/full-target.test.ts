import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "../../src/registry/server/index.ts";
import { mount, umount } from "../../src/sys/index.ts";
import { makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/full-target.test.ts skipped: ${obstacle}`);

/** The disk that is full is not the store's, but where the user wants to have a file or a layout. */
describe.skipIf(obstacle !== undefined)("a full disk where something is copied to", () => {
  let strake: Strake;
  let registry: Registry;
  let small: string;

  beforeAll(async () => {
    strake = makeStrake();
    registry = await Registry.start();
    await pushLayeredImage(await makeLayeredImage([3 << 20]), registry.host, "team/app");
    writeFileSync(join(strake.home, "big"), Buffer.alloc(3 << 20, "x"));
    await strake.ok("artifact", "push", `${registry.host}/team/big:1`, "big");
    await strake.ok("pull", "-q", `${registry.host}/team/app:1`);
    small = join(strake.home, "small");
    mkdirSync(small);
    mount({ source: "tmpfs", target: small, type: "tmpfs", data: `size=${1 << 20},mode=700` });
  });
  afterAll(async () => {
    if (small !== undefined) umount(small);
    await registry?.stop();
    await strake?.remove();
  });

  test.each([
    ["copy HOST/team/app:1 oci:SMALL/layout", "oci:SMALL/layout"],
    ["copy HOST/team/app:1 oci-archive:SMALL/a.tar", "oci-archive:SMALL/a.tar"],
    ["copy strake:HOST/team/app:1 docker-archive:SMALL/a.tar", "SMALL/a.tar"],
    ["save -o SMALL/a.tar HOST/team/app:1", "SMALL/a.tar"],
    ["artifact pull -o SMALL/files HOST/team/big:1", "SMALL/files/big"],
  ])("%s", async (line, place) => {
    const here = (text: string) => text.replaceAll("HOST", registry.host).replaceAll("SMALL", small);
    const free = statfsSync(small).bfree;
    const { code, stderr } = await strake.run(here(line).split(" "));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      / cannot be written: its disk is full\nhint: free space there, or name another place\n/,
    );
    expect(stderr).toContain(here(place));
    const left = readdirSync(small, { recursive: true }).map(String);
    expect(left.filter((name) => /tmp|a\.tar|big$/.test(name))).toEqual([]);
    // Folders, and what makes a layout one.
    expect(free - statfsSync(small).bfree).toBeLessThan(10);
  });
});
