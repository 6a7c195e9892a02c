import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeLayer } from "../layer.test-support.ts";
import { extractLayers, layerDirectory } from "./layer-directory.ts";
import type { SnapshotLayer } from "./snapshotter.ts";

describe.skipIf(process.platform !== "linux")("extracted layers", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "strake-layers-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function layer(name: string): Promise<SnapshotLayer> {
    mkdirSync(join(folder, name));
    return makeLayer(join(folder, name), "layer", [{ path: "file", body: name, uid: process.getuid!() }]);
  }

  test("what a killed process left half-done is cleared away", async () => {
    const one = await layer("one");
    mkdirSync(join(folder, "one/.tmp-1-2-abc/etc"), { recursive: true });
    writeFileSync(join(folder, "one/.tmp-1-2-abc/etc/half"), "");
    await extractLayers([one]);
    expect(readdirSync(layerDirectory(one))).toEqual(["file"]);
    expect(readdirSync(dirname(layerDirectory(one))).some((name) => name.startsWith(".tmp"))).toBe(false);
  });

  test("a complete directory is left alone", async () => {
    const one = await layer("one");
    await extractLayers([one]);
    writeFileSync(join(layerDirectory(one), "mark"), "");
    await extractLayers([one, one]);
    expect(existsSync(join(layerDirectory(one), "mark"))).toBe(true);
  });

  test("two that want the same layers in another order both get them", async () => {
    const layers = [await layer("one"), await layer("two"), await layer("three")];
    await Promise.all([
      extractLayers(layers),
      extractLayers([...layers].reverse()),
      extractLayers([...layers, ...layers]),
    ]);
    for (const each of layers)
      expect(readFileSync(join(layerDirectory(each), "file"), "utf8")).toBe(
        dirname(each.indexPath).split("/").at(-1)!,
      );
  });

  test("a failure leaves nothing that looks complete, of any of the layers", async () => {
    const good = await layer("good");
    const bad = await layer("bad");
    writeFileSync(bad.tarPath, "");
    await expect(extractLayers([good, bad])).rejects.toMatchObject({ code: "EROFS_INVALID" });
    for (const each of [good, bad])
      expect(readdirSync(dirname(each.indexPath)).filter((name) => /^fs$|^\.tmp/.test(name))).toEqual([]);
  });
});
