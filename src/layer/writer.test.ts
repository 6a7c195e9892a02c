import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErofsReader, IndexBuilder } from "../erofs/index.ts";
import { type Digest, sha256 } from "../oci/index.ts";
import { type Lease, Store } from "../store/index.ts";
import {
  type EntryHeader,
  encodeHeader,
  endOfArchive,
  paddingOf,
  readTar,
  TarScanner,
} from "../tar/index.ts";
import { ingestTar, LayerWriter } from "./index.ts";

let home: string;
let store: Store;
let lease: Lease;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-layer-writer-"));
  store = Store.open({ root: join(home, "root"), runRoot: join(home, "run") });
  lease = store.lease("test");
});

afterEach(() => {
  lease.release();
  store.close();
  rmSync(home, { recursive: true, force: true });
});

const blank: EntryHeader = {
  type: "file",
  path: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 7,
  mtimeNsec: 0,
  linkname: "",
  uname: "",
  gname: "",
  devmajor: 0,
  devminor: 0,
};

const begin = () => new LayerWriter(store.layers.begin(lease));
const codeOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error) => error.code,
  );
/** Nothing of a layer, finished or not, is in the store's folder. */
const leftovers = () => readdirSync(join(home, "root", "layers"));

async function contents(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { entry, body } of readTar([readFileSync(path)])) {
    const hash = createHash("sha256");
    for await (const chunk of body) hash.update(chunk);
    found[`${entry.type} ${entry.path}`] = entry.type === "file" ? hash.digest("hex") : entry.linkname;
  }
  return found;
}

describe("a layer made of entries", () => {
  test("tar, digest and index are of the same bytes", async () => {
    const sizes = [0, 1, 511, 512, 513, 70_000, 2 << 20, (2 << 20) + 1, 5_000_000];
    const writer = begin();
    writer.addEntry({ ...blank, type: "directory", path: "app/", mode: 0o755 });
    const expected: Record<string, string> = { "directory app/": "" };
    for (const size of sizes) {
      const bytes = Buffer.alloc(size, `${size}.`);
      const path = join(home, `source-${size}`);
      writeFileSync(path, bytes);
      const header = { ...blank, size };
      writer.addFile({ ...header, path: `app/path-${size}` }, path);
      const fd = openSync(path, "r");
      writer.addFile({ ...header, path: `app/descriptor-${size}` }, fd);
      closeSync(fd);
      writer.addEntry({ ...header, path: `app/bytes-${size}` }, bytes);
      await writer.addStream({ ...header, path: `app/stream-${size}` }, new Blob([bytes]).stream());
      for (const kind of ["path", "descriptor", "bytes", "stream"])
        expected[`file app/${kind}-${size}`] = sha256(bytes).slice(7);
    }
    writer.addEntry({ ...blank, type: "symlink", path: "app/link", linkname: "bytes-1" });
    expected["symlink app/link"] = "bytes-1";
    const layer = await writer.commit();

    const tar = readFileSync(layer.tarPath);
    expect(layer.diffID).toBe(sha256(tar));
    expect(layer.size).toBe(tar.length);
    expect(layer.entries).toBe(2 + 4 * sizes.length);
    expect(await contents(layer.tarPath)).toEqual(expected);

    const index = new ErofsReader(readFileSync(layer.indexPath));
    const app = index.lookup(index.root, "app")!;
    for (const size of sizes) {
      const [extent] = [...index.extents(index.lookup(app, `path-${size}`)!)];
      if (size > 0)
        expect(tar.subarray(extent!.offset, extent!.offset + 4).toString()).toStartWith(
          `${size}.`.slice(0, Math.min(4, size)),
        );
    }
  });

  test("the same entries give the same layer", async () => {
    const make = async () => {
      const writer = begin();
      for (let i = 0; i < 500; i++) writer.addEntry({ ...blank, path: `f${i}`, size: 3 }, Buffer.from("abc"));
      return await writer.commit();
    };
    expect((await make()).diffID).toBe((await make()).diffID);
    expect(leftovers()).toHaveLength(1);
  });

  test("a layer whose tables lie in a file has the index that the heap's tables give, and no more files", async () => {
    const writer = begin();
    const count = 60_000;
    const dirs = readdirSync(store.layout.layers);
    for (let i = 0; i < count; i++)
      writer.addEntry({ ...blank, path: `d${i % 300}/${(i * 7919) % count}`, mtime: i % 5 });
    const during = readdirSync(join(store.layout.layers, dirs[0]!));
    const { diffID, indexPath, size, tarPath, dir } = await writer.commit();
    expect(during).toEqual(["layer.tar"]);
    expect(readdirSync(dir).sort()).toEqual(["layer.erofs", "layer.tar"]);
    const builder = new IndexBuilder();
    new TarScanner({ onEntry: (entry) => builder.add(entry) }).write(readFileSync(tarPath));
    const uuid = Buffer.from(diffID.slice(7, 39), "hex");
    expect(Buffer.compare(readFileSync(indexPath), builder.finish({ tarSize: size, uuid }).image)).toBe(0);
  });

  test("who gives a layer up while it is committed gets an error, and nothing is left", async () => {
    const writer = begin();
    for (let i = 0; i < 60_000; i++) writer.addEntry({ ...blank, path: `f${i}` });
    const committed = writer.commit();
    writer.abort();
    await expect(committed).rejects.toThrow();
    expect(leftovers()).toEqual([]);
  });

  test("a layer of nothing is the end mark, whose digest every engine knows", async () => {
    const layer = await begin().commit();
    expect(layer.diffID as string).toBe(
      "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    );
  });

  test("GNU tar reads it", async () => {
    const writer = begin();
    writer.addEntry({ ...blank, path: "hello", size: 3 }, Buffer.from("hi\n"));
    const { tarPath } = await writer.commit();
    expect(execFileSync("tar", ["-xOf", tarPath, "hello"], { encoding: "utf8" })).toBe("hi\n");
  });

  test.each([
    ["grew", "longer than it was", 5],
    ["shrank", "s", 5],
    ["was emptied", "", 5],
    ["grew from nothing", "x", 0],
  ])("a file that %s since it was looked at fails, and nothing is left", (_, content, size) => {
    const path = join(home, "source");
    writeFileSync(path, content);
    const writer = begin();
    expect(codeOf(() => writer.addFile({ ...blank, size }, path))).toBe("LAYER_SOURCE_CHANGED");
    writer.abort();
    expect(leftovers()).toEqual([]);
  });

  test("a large file that changed is seen at its end", () => {
    const path = join(home, "source");
    writeFileSync(path, Buffer.alloc(6 << 20));
    for (const size of [(6 << 20) - 1, (6 << 20) + 1, 1]) {
      const writer = begin();
      expect(codeOf(() => writer.addFile({ ...blank, size }, path))).toBe("LAYER_SOURCE_CHANGED");
      writer.abort();
    }
  });

  test("a file that became a symlink, a fifo or nothing is not followed and not waited for", () => {
    writeFileSync(join(home, "target"), "12345");
    symlinkSync(join(home, "target"), join(home, "link"));
    execFileSync("mkfifo", [join(home, "fifo")]);
    for (const name of ["link", "fifo", "missing"]) {
      const writer = begin();
      expect(codeOf(() => writer.addFile({ ...blank, size: 5 }, join(home, name)))).toBe(
        "LAYER_SOURCE_CHANGED",
      );
      writer.abort();
    }
  });

  test("a stream of another length fails, and so does a commit after it", async () => {
    for (const content of ["abc", "abcdefg"]) {
      const writer = begin();
      expect(await rejection(writer.addStream({ ...blank, size: 5 }, new Blob([content]).stream()))).toBe(
        "LAYER_SOURCE_CHANGED",
      );
      expect(await rejection(writer.commit())).toBe("INTERNAL");
    }
    expect(leftovers()).toEqual([]);
  });
});

describe("ingestTar", () => {
  const tar = (...entries: [Partial<EntryHeader>, string?][]) =>
    Buffer.concat([
      ...entries.flatMap(([header, content = ""]) => [
        encodeHeader({ ...blank, ...header, size: content.length }),
        Buffer.from(content),
        Buffer.alloc(paddingOf(content.length)),
      ]),
      endOfArchive,
    ]);
  const stream = async function* (bytes: Uint8Array, step = 1000) {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  };
  const sample = () => tar([{ path: "etc/", type: "directory" }], [{ path: "etc/motd" }, "welcome\n"]);

  test("keeps the tar byte for byte, also what stands behind its end", async () => {
    const bytes = Buffer.concat([sample(), Buffer.alloc(3000), Buffer.from("trailer")]);
    let progress = 0;
    const layer = await ingestTar(store, stream(bytes), { lease, onProgress: (size) => (progress = size) });
    expect(readFileSync(layer.tarPath).equals(bytes)).toBe(true);
    expect(layer).toMatchObject({ diffID: sha256(bytes), size: bytes.length, entries: 2 });
    expect(progress).toBe(bytes.length);
  });

  test("a layer that is there is not read again", async () => {
    const first = await ingestTar(store, stream(sample()), { lease });
    let read = false;
    const again = (async function* () {
      read = true;
      yield sample();
    })();
    expect(await ingestTar(store, again, { lease, expectedDiffID: first.diffID })).toEqual(first);
    expect(read).toBe(false);
  });

  test.each<
    [
      string,
      string,
      () => Parameters<typeof ingestTar>[1],
      { expectedDiffID?: Digest; expectedSize?: number },
    ]
  >([
    ["another digest", "LAYER_MISMATCH", () => stream(sample()), { expectedDiffID: sha256("x") }],
    ["shorter", "LAYER_MISMATCH", () => stream(sample()), { expectedSize: 10_000 }],
    ["longer", "LAYER_MISMATCH", () => stream(sample()), { expectedSize: 1024 }],
    ["truncated", "TAR_TRUNCATED", () => stream(sample().subarray(0, 1200)), {}],
    ["empty", "TAR_TRUNCATED", () => stream(Buffer.alloc(0)), {}],
    ["no tar", "TAR_INVALID", () => stream(Buffer.alloc(2000, "text")), {}],
    [
      "CVE-2014-9356: climbing name",
      "TAR_INVALID",
      () => stream(tar([{ path: "../../etc/cron.d/x" }, "x"])),
      {},
    ],
    [
      "CVE-2021-29136: root is a symlink",
      "LAYER_ENTRY_INVALID",
      () => stream(tar([{ path: ".", type: "symlink", linkname: "/" }])),
      {},
    ],
    [
      "a source that fails",
      "UPSTREAM",
      async function* () {
        yield sample().subarray(0, 600);
        throw Object.assign(new Error("connection lost"), { code: "UPSTREAM" });
      },
      {},
    ],
  ])("%s: %s, and nothing is left", async (_, code, source, options) => {
    expect(await rejection(ingestTar(store, source(), { lease, ...options }))).toBe(code);
    expect(leftovers()).toEqual([]);
  });

  test("endless: stopped as soon as it is longer than promised", async () => {
    let given = 0;
    const endless = (async function* () {
      yield encodeHeader({ ...blank, size: 2 ** 40 });
      for (;;) {
        given += 4096;
        yield new Uint8Array(4096);
      }
    })();
    expect(await rejection(ingestTar(store, endless, { lease, expectedSize: 100_000 }))).toBe(
      "LAYER_MISMATCH",
    );
    expect(given).toBeLessThan(200_000);
  });

  test("an abort in the middle leaves nothing", async () => {
    const controller = new AbortController();
    const source = (async function* () {
      yield sample().subarray(0, 600);
      controller.abort();
      yield sample().subarray(600);
    })();
    expect(await rejection(ingestTar(store, source, { lease, signal: controller.signal }))).toBe("CANCELED");
    expect(leftovers()).toEqual([]);
  });

  const breakouts = new URL("../../../shared/data/breakout-layers", import.meta.url).pathname;
  const haveBreakouts = existsSync(breakouts);
  if (!haveBreakouts) console.log(`skipped: ${breakouts} is not there`);
  test.skipIf(!haveBreakouts)(
    "breakout layers are stored or refused, and touch nothing outside the store",
    async () => {
      const outside = join(home, "outside");
      mkdirSync(outside);
      for (const name of readdirSync(breakouts)) {
        // Each fixture is an image archive or a layer; as a stream of tar entries either is harmless.
        const code = await rejection(
          ingestTar(store, stream(readFileSync(join(breakouts, name))), { lease }),
        );
        expect([name, ["none", "TAR_INVALID", "LAYER_ENTRY_INVALID"].includes(code)]).toEqual([name, true]);
      }
      expect(readdirSync(outside)).toEqual([]);
      expect(
        readdirSync(home)
          .filter((name) => name !== "run")
          .sort(),
      ).toEqual(["outside", "root"]);
    },
  );
});
