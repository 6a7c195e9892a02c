import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildWorkshop, type FileSpec } from "../../test/support/build.ts";

let shop: BuildWorkshop;
beforeEach(() => {
  shop = new BuildWorkshop({ "a.txt": "a", "b/c.txt": "c", link: "-> a.txt" });
});
afterEach(() => shop.remove());

const text = "FROM scratch\nCOPY . /app";

/** Builds, changes something, builds again: what became of the last step, and whether the image is the same. */
async function rebuild(
  change: (path: (name: string) => string) => void,
  [before, after]: [string, string] = [text, text],
): Promise<{ cached: boolean; same: boolean }> {
  const first = await shop.build(before);
  change((name) => join(shop.context, name));
  const second = await shop.build(after);
  return { cached: second.outcomes.at(-1)!.endsWith(": cached"), same: first.id === second.id };
}

const put = (path: string, content: string) => {
  writeFileSync(path, content);
  utimesSync(path, 1_600_000_000, 1_600_000_000);
};

describe("COPY is cached", () => {
  test.each([
    ["when nothing changed", () => {}],
    ["when only times changed", (at) => utimesSync(at("a.txt"), 5, 5)],
    ["when a file was rewritten with the same bytes", (at) => put(at("a.txt"), "a")],
    [
      "when a file was replaced by its equal",
      (at) => {
        put(at("new"), "a");
        renameSync(at("new"), at("a.txt"));
      },
    ],
  ] as [string, (at: (name: string) => string) => void][])("%s", async (_, change) => {
    expect(await rebuild(change)).toEqual({ cached: true, same: true });
  });
  test("in a context with another path", async () => {
    const first = await shop.build(text);
    const other = join(shop.folder, "elsewhere");
    renameSync(shop.context, other);
    // Another place has no history, so the files are written again, to the same layer.
    const second = await shop.build(text, { context: other });
    expect(second.config.rootfs).toEqual(first.config.rootfs);
    expect(second.id).toBe(first.id);
  });
  test("in another checkout of the same files, with other times; what runs on it is too", async () => {
    const lines = `FROM scratch AS a\nCOPY . /app\nFROM a\nCOPY --from=a /app/b /copied\nCOPY b /again\n`;
    const first = await shop.build(lines);
    const context = join(shop.folder, "another");
    cpSync(shop.context, context, { recursive: true, verbatimSymlinks: true });
    const layers = shop.store.layers.list().length;
    const second = await shop.build(lines, { context });
    expect(second.outcomes).toEqual(first.outcomes.map((line) => line.replace(/done$/, "cached")));
    expect(second.id).toBe(first.id);
    expect(shop.store.layers.list().length).toBe(layers);
    const third = await shop.build(lines, { context });
    expect([third.id, third.outcomes]).toEqual([first.id, second.outcomes]);
    writeFileSync(join(context, "a.txt"), "other");
    expect((await shop.build(lines, { context })).id).not.toBe(first.id);
  });
  test("when a stage it copies from was built another way to the same files", async () => {
    const stages = (how: string) => `FROM scratch AS a\n${how}\nFROM scratch\nCOPY --from=a /app/a.txt /`;
    const { cached } = await rebuild(() => {}, [stages("COPY . /app"), stages("COPY a.txt /app/")]);
    expect(cached).toBe(true);
  });
});

describe("COPY runs again", () => {
  test.each([
    ["when a byte changed", (at) => put(at("a.txt"), "b")],
    ["when a file came", (at) => put(at("b/new"), "")],
    ["when a file went", (at) => rmSync(at("b/c.txt"))],
    ["when a file was renamed", (at) => renameSync(at("b/c.txt"), at("b/d.txt"))],
    ["when a file's mode changed", (at) => chmodSync(at("a.txt"), 0o755)],
    // moby/buildkit issue 7176: a directory's mode was not seen.
    ["when a directory's mode changed", (at) => chmodSync(at("b"), 0o700)],
    [
      "when a symlink points elsewhere",
      (at) => {
        rmSync(at("link"));
        shop.write({ link: "-> b" });
      },
    ],
    [
      "when a file became a folder",
      (at) => {
        rmSync(at("a.txt"));
        shop.write({ "a.txt": null as FileSpec });
      },
    ],
  ] as [string, (at: (name: string) => string) => void][])("%s", async (_, change) => {
    expect(await rebuild(change)).toEqual({ cached: false, same: false });
  });
  test.each([
    ["destination", "FROM scratch\nCOPY . /other"],
    ["--chmod", "FROM scratch\nCOPY --chmod=700 . /app"],
    ["--chown", "FROM scratch\nCOPY --chown=1:2 . /app"],
    ["--exclude", "FROM scratch\nCOPY --exclude=b . /app"],
    ["the sources", "FROM scratch\nCOPY a.txt /app/"],
  ])("with another %s", async (_, after) => {
    expect((await rebuild(() => {}, [text, after])).cached).toBe(false);
  });
  test("with another SOURCE_DATE_EPOCH", async () => {
    const at = (epoch: string) => shop.build(text, { buildArgs: { SOURCE_DATE_EPOCH: epoch } });
    const first = await at("1");
    expect((await at("2")).id).not.toBe(first.id);
    expect((await at("1")).id).toBe(first.id);
  });
});

test("with an octal --chmod the source's mode does not count", async () => {
  const chmod = "FROM scratch\nCOPY --chmod=644 a.txt /";
  expect(await rebuild((at) => chmodSync(at("a.txt"), 0o600), [chmod, chmod])).toEqual({
    cached: true,
    same: true,
  });
});

test("a file written in the tick of the scan is read again (git's racy rule)", async () => {
  const path = join(shop.context, "a.txt");
  // The same length and, as far as the file system can tell, the same time.
  writeFileSync(path, "1");
  const first = await shop.build(text);
  writeFileSync(path, "2");
  const { atimeMs, mtimeMs } = await Bun.file(path).stat();
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
  const second = await shop.build(text);
  expect(first.files()["/app/a.txt"]).toBe("644 1");
  expect(second.files()["/app/a.txt"]).toBe("644 2");
});

test("a layer that was collected is made again", async () => {
  const first = await shop.build(text);
  const { rootfs } = first.config;
  shop.store.images.remove(first.result.imageID);
  for (const { key } of shop.store.cache.list())
    if (!key.startsWith("shortcut")) shop.store.cache.remove(key);
  shop.store.gc({});
  const second = await shop.build(text);
  expect(second.outcomes.at(-1)).toEndWith(": done");
  expect(second.config.rootfs).toEqual(rootfs);
});

test("a file that changes between key and copy is copied as it is, and poisons no key", async () => {
  const place = "FROM scratch\nCOPY . /app";
  await shop.build(place);
  put(join(shop.context, "a.txt"), "new");
  const during = await shop.build(place, {
    emit: (event) => {
      // The first progress comes when the key is known and nothing is written yet.
      if (event.type === "step.progress") writeFileSync(join(shop.context, "a.txt"), "changed");
    },
  });
  expect(during.files()["/app/a.txt"]).toBe("644 changed");
  put(join(shop.context, "a.txt"), "new");
  expect((await shop.build(place)).files()["/app/a.txt"]).toBe("644 new");
});

describe("what did not change is copied out of the layer made before, and", () => {
  const place = "FROM scratch\nCOPY . /app";
  const deep = "d".repeat(90);
  beforeEach(() => {
    for (const folder of ["x", "y", deep])
      shop.write(
        Object.fromEntries(
          Array.from({ length: 40 }, (_, i) => [`${folder}/${i}`, `${folder}${i}`.repeat(i * 9)]),
        ),
      );
    shop.write({ "x/large": new Uint8Array((512 << 10) + 1).fill(7), [`y/${"n".repeat(120)}`]: "long" });
  });
  const coldLayers = async () => (await shop.build(place, { noCache: true })).config.rootfs.diff_ids;

  test.each([
    ["a file changed", (at) => put(at("x/7"), "new")],
    ["a file grew", (at) => put(at("x/7"), "new".repeat(5000))],
    ["files came and went", (at) => [rmSync(at("x/3")), put(at("x/30a"), "x30"), rmSync(at(`${deep}/9`))]],
    ["a folder went", (at) => rmSync(at("x"), { recursive: true })],
    ["a folder was renamed", (at) => renameSync(at("x"), at("z"))],
    ["files changed places", (at) => [renameSync(at("x/4"), at("t")), renameSync(at("y/4"), at("x/4"))]],
    ["modes and times changed", (at) => [chmodSync(at("x/5"), 0o755), utimesSync(at("x/6"), 5, 5)]],
  ] as [string, (at: (name: string) => string) => void][])(
    "the layer is what a build without cache makes: %s",
    async (_, change) => {
      await shop.build(place);
      change((name) => join(shop.context, name));
      put(join(shop.context, "a.txt"), "new");
      const { rootfs } = (await shop.build(place)).config;
      expect(rootfs.diff_ids).toEqual(await coldLayers());
    },
  );
  test("a byte that rotted there does not get into the new layer", async () => {
    const [diffID] = (await shop.build(place)).config.rootfs.diff_ids;
    const { tarPath } = shop.store.layers.get(diffID!)!;
    const tar = readFileSync(tarPath);
    const at = tar.indexOf("x39x39");
    tar[at] = 0;
    writeFileSync(tarPath, tar);
    put(join(shop.context, "a.txt"), "new");
    const { rootfs } = (await shop.build(place)).config;
    expect(rootfs.diff_ids).toEqual(await coldLayers());
  });
  test("the folder's file is not opened", async () => {
    await shop.build(place);
    put(join(shop.context, "a.txt"), "new");
    const second = await shop.build(place, {
      emit: (event) => {
        if (event.type === "step.progress") rmSync(join(shop.context, "x/7"), { force: true });
      },
    });
    expect(second.files()["/app/x/7"]).toBe(`644 ${"x7".repeat(63)}`);
  });
});
