import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/copied-store.test.ts skipped: ${obstacle}`);

const dockerfile = "FROM busybox:1\nCOPY a.txt /\nRUN cat /a.txt > /made\n";

/** What caches of CI servers do to a store between two jobs. */
describe.skipIf(obstacle !== undefined)("a store that was copied", () => {
  let shop: FaultShop;
  let root: string;
  beforeAll(async () => {
    shop = await makeFaultShop();
    root = join(shop.home, "root");
    expect(await shop.build(dockerfile, "-q", "-t", "made")).toMatchObject({ code: 0 });
  });
  afterAll(async () => await shop?.remove());

  const made = () => shop.ok("run", "--rm", "--network", "none", "made", "cat", "/made");

  test("by tar is as it was", async () => {
    const archive = join(shop.home, "cache.tar");
    expect(Bun.spawnSync(["tar", "-cf", archive, "-C", shop.home, "root"]).exitCode).toBe(0);
    rmSync(root, { recursive: true });
    expect(Bun.spawnSync(["tar", "-xf", archive, "-C", shop.home]).exitCode).toBe(0);
    expect((await shop.build(dockerfile)).stderr).toContain("0 run, 3 cached");
    expect(await made()).toBe("hello\n");
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
  });

  test("without its empty folders has them again", async () => {
    const folders = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const empty = folders
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => readdirSync(path).length === 0);
    expect(empty).toContain(join(root, "work"));
    for (const path of empty) rmdirSync(path);
    expect(await shop.build(dockerfile, "-q", "--no-cache", "-t", "made")).toMatchObject({ code: 0 });
    expect(await shop.ok("volume", "create", "kept")).toBe("kept\n");
    expect(await made()).toBe("hello\n");
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
  });

  test("without its layers makes them again, and takes none of them for cached", async () => {
    const layers = join(root, "layers");
    for (const name of readdirSync(layers)) rmSync(join(layers, name), { recursive: true });
    const { code, stderr } = await shop.run(["run", "--rm", "--network", "none", "made", "true"]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("layer.tar is missing")]);
    await shop.ok("bootstrap", "busybox", "-t", "busybox:1");
    expect((await shop.build(dockerfile, "-t", "made")).stderr).toContain("2 run, 1 cached");
    expect(await made()).toBe("hello\n");
    await shop.ok("image", "prune", "-f");
    await shop.ok("gc", "--cache");
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
  });
});
