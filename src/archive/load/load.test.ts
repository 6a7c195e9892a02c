import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  blob,
  descriptorOf,
  dockerFiles,
  json,
  layoutFiles,
  makeImage,
  makeStore,
  manifestOf,
  pieces,
  type TarFile,
  type TestImage,
  tarOf,
} from "../../../test/support/archives.ts";
import { StrakeError } from "../../errors/index.ts";
import { digestHex, mediaTypes, parsePlatform, parseReference, sha256 } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { loadArchive } from "./load.ts";

let image: TestImage;
let bed: ReturnType<typeof makeStore>;
let store: Store;

beforeAll(async () => {
  image = await makeImage(["a", "b"]);
  bed = makeStore();
  store = bed.store;
});

afterAll(() => bed.remove());

const load = async (files: readonly (readonly [string, TarFile])[], options = {}) =>
  await loadArchive(store, pieces(await tarOf(files)), options);

/** The error's code; afterwards nothing may be left of what was read. */
async function refused(work: Promise<unknown>): Promise<StrakeError> {
  const images = store.images.list().length;
  const thrown = await work.then(
    () => undefined,
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(StrakeError);
  expect(store.images.list().length).toBe(images);
  expect(store.gc({ verify: true }).problems).toEqual([]);
  return thrown as StrakeError;
}

describe("docker-archive", () => {
  test("image, names and layers are as in the archive", async () => {
    const [loaded] = await load(dockerFiles(image, ["app:1", "registry.test:5000/app:2"]));
    expect(loaded!.image.id).toBe(image.id);
    expect(loaded!.tags).toEqual(["docker.io/library/app:1", "registry.test:5000/app:2"]);
    expect(store.images.find("app:1").id).toBe(image.id);
    expect(image.config.equals(store.blobs.readSync(image.id))).toBe(true);
    for (const layer of image.layers)
      expect(layer.equals(readFileSync(store.layers.get(sha256(layer))!.tarPath))).toBe(true);
  });

  test("entries come in any order", async () => {
    for (const files of [dockerFiles(image, ["order:1"]).reverse(), dockerFiles(image, ["order:1"]).sort()])
      expect((await load(files))[0]!.image.id).toBe(image.id);
  });

  test("the archive may be packed, and so may its layers", async () => {
    const tar = await tarOf(dockerFiles(image, null));
    const packed: Uint8Array[] = [gzipSync(tar), zstdCompressSync(tar)];
    if (Bun.which("xz")) packed.push(Bun.spawnSync(["xz", "-c"], { stdin: tar }).stdout);
    for (const bytes of packed)
      expect((await loadArchive(store, pieces(bytes, 77)))[0]!.image.id).toBe(image.id);
    const files = dockerFiles(image, null).map(([name, file]): [string, TarFile] => [
      name,
      name.endsWith("layer.tar") ? gzipSync(file as Uint8Array) : file,
    ]);
    expect((await load(files))[0]!.image.id).toBe(image.id);
    expect(store.layers.forms(sha256(image.layers[0]!))[0]!.mediaType).toBe(mediaTypes.ociLayerGzip);
  });

  test("layers that are links to others, as Docker writes shared ones", async () => {
    const files = dockerFiles(image, null);
    const [first, second] = files as [[string, TarFile], [string, TarFile]];
    const moved: [string, TarFile][] = [
      ["real/layer.tar", first[1]],
      [first[0], { type: "symlink", linkname: "../real/layer.tar" }],
      ["hard/layer.tar", second[1]],
      [second[0], { type: "hardlink", linkname: "hard/layer.tar" }],
      ...files.slice(2),
    ];
    expect((await load(moved))[0]!.image.id).toBe(image.id);
  });

  test("several images: all of them or none", async () => {
    const other = await makeImage(["c"]);
    const both = [...dockerFiles(image, null).slice(0, 3), ...dockerFiles(other, null).slice(0, 2)];
    const entry = (item: TestImage, names: string[], count: number) => ({
      Config: `${digestHex(item.id)}.json`,
      RepoTags: names,
      Layers: item.layers.slice(0, count).map((layer, i) => `${digestHex(sha256(layer))}-${i}/layer.tar`),
    });
    const good = json([entry(image, ["two:a"], 2), entry(other, ["two:b"], 1)]);
    expect((await load([...both, ["manifest.json", good]])).map(({ tags }) => tags[0])).toEqual([
      "docker.io/library/two:a",
      "docker.io/library/two:b",
    ]);
    const bad = json([entry(image, ["three:a"], 2), entry(other, ["three:b"], 0)]);
    expect((await refused(load([...both, ["manifest.json", bad]]))).code).toBe("ARCHIVE_INVALID");
    expect(store.images.get("three:a")).toBeUndefined();
  });

  test("the caller's name in place of the archive's", async () => {
    const [loaded] = await load(dockerFiles(image, ["theirs:1"]), { names: [parseReference("mine")] });
    expect(loaded!.tags).toEqual(["docker.io/library/mine:latest"]);
    expect(store.images.get("theirs:1")).toBeUndefined();
  });
});

describe("repositories, Docker's format before 1.10", () => {
  const ids = ["a".repeat(64), "b".repeat(64)] as const;
  const legacy = (repositories: unknown, base: Record<string, unknown> = {}): [string, TarFile][] => [
    [`${ids[0]}/json`, json({ id: ids[0], created: "2015-01-01T00:00:00Z", ...base })],
    [`${ids[0]}/layer.tar`, image.layers[0]!],
    [
      `${ids[1]}/json`,
      json({
        ...{
          id: ids[1],
          parent: ids[0],
          created: "2015-01-02T00:00:00Z",
          architecture: "amd64",
          os: "linux",
        },
        config: { Cmd: ["sh"] },
        container_config: { Cmd: ["/bin/sh", "-c", "touch b"] },
      }),
    ],
    [`${ids[1]}/layer.tar`, image.layers[1]!],
    ["repositories", json(repositories)],
  ];

  test("layers follow the parents, the base first", async () => {
    const [loaded] = await load(legacy({ "old/app": { "1": ids[1] } }));
    expect(loaded!.tags).toEqual(["docker.io/old/app:1"]);
    expect(loaded!.image.diffIDs).toEqual(image.layers.map((layer) => sha256(layer)));
    const config = JSON.parse(Buffer.from(store.blobs.readSync(loaded!.image.id)).toString());
    expect(config.config).toEqual({ Cmd: ["sh"] });
    expect(config.history[1]).toEqual({ created: "2015-01-02T00:00:00Z", created_by: "/bin/sh -c touch b" });
  });

  test.each([
    ["an id that is a path", { app: { "1": "../../../../etc" } }],
    ["a tag that is a path", { app: { "../../x": ids[1] } }],
    ["a repository that is a path", { "../../x": { "1": ids[1] } }],
    ["no object", []],
  ])("CVE-2014-9358: %s is refused", async (_, repositories) => {
    expect((await refused(load(legacy(repositories)))).code).toBe("ARCHIVE_INVALID");
  });

  test("a parent that is a path, and parents in a circle, end", async () => {
    expect((await refused(load(legacy({ app: { "1": ids[1] } }, { parent: "../x" })))).code).toBe(
      "ARCHIVE_INVALID",
    );
    expect((await refused(load(legacy({ app: { "1": ids[1] } }, { parent: ids[1] })))).code).toBe(
      "ARCHIVE_LIMIT",
    );
  });
});

describe("OCI layout", () => {
  const layout = (more: Record<string, unknown> = {}, manifest = manifestOf(image)) =>
    layoutFiles(
      [descriptorOf(manifest, mediaTypes.ociManifest, more)],
      [manifest, image.config, ...image.layers],
    );
  const named = (name: string) => ({ annotations: { "org.opencontainers.image.ref.name": name } });

  test("keeps the manifest as it came", async () => {
    const [loaded] = await load(layout(named("registry.test/app:1")));
    expect(loaded!.tags).toEqual(["registry.test/app:1"]);
    const { digest } = loaded!.image.manifest!;
    expect(manifestOf(image).equals(store.blobs.readSync(digest))).toBe(true);
  });

  test("names: a whole one in either annotation counts, a mere tag or free text does not", async () => {
    const whole = {
      annotations: { "io.containerd.image.name": "docker.io/library/whole:1", ...named("1").annotations },
    };
    expect((await load(layout(whole)))[0]!.tags).toEqual(["docker.io/library/whole:1"]);
    for (const name of ["latest", "Some Text/..", "a:b:c"])
      expect((await load(layout(named(name))))[0]!.tags).toEqual([]);
  });

  test("CVE-2026-50195: what the config or its labels ask for is no name", async () => {
    const asking = await makeImage(["a"], {
      config: {
        Labels: { "org.opencontainers.image.ref.name": "debian:bookworm", "io.containerd.image.name": "x:1" },
      },
      RepoTags: ["debian:bookworm"],
    });
    const manifest = manifestOf(asking, {
      annotations: { "io.containerd.image.name": "docker.io/library/debian:bookworm" },
    });
    const files = layoutFiles(
      [descriptorOf(manifest, mediaTypes.ociManifest)],
      [manifest, asking.config, ...asking.layers],
    );
    expect((await load(files))[0]!.tags).toEqual([]);
    expect((await load(dockerFiles(asking, null)))[0]!.tags).toEqual([]);
    expect(store.images.get("debian:bookworm")).toBeUndefined();
  });

  test("nested indexes: the one for this platform", async () => {
    const arm = await makeImage(["arm"], { architecture: "arm64" });
    const manifests = [manifestOf(arm), manifestOf(image)];
    const index = json({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [
        descriptorOf(manifests[0]!, mediaTypes.ociManifest, {
          platform: { os: "linux", architecture: "arm64" },
        }),
        descriptorOf(manifests[1]!, mediaTypes.ociManifest, {
          platform: { os: "linux", architecture: "amd64" },
        }),
      ],
    });
    const blobs = [index, ...manifests, image.config, arm.config, ...image.layers, ...arm.layers];
    const files = layoutFiles([descriptorOf(index, mediaTypes.ociIndex)], blobs);
    const on = async (platform: string) =>
      (await load(files, { platform: parsePlatform(platform) }))[0]!.image.id;
    expect(await on("linux/amd64")).toBe(image.id);
    expect(await on("linux/arm64")).toBe(arm.id);
    const error = await refused(load(files, { platform: parsePlatform("linux/s390x") }));
    expect([error.code, error.hint]).toEqual(["ARCHIVE_PLATFORM", "it has linux/arm64, linux/amd64"]);
  });

  test("one name for several platforms is one image; attestations beside it are none", async () => {
    const arm = await makeImage(["arm"], { architecture: "arm64" });
    const manifests = [manifestOf(arm), manifestOf(image)];
    const statement = json({
      schemaVersion: 2,
      artifactType: "application/vnd.in-toto+json",
      config: descriptorOf(json({}), mediaTypes.ociEmpty),
      layers: [],
    });
    const files = layoutFiles(
      [
        descriptorOf(manifests[0]!, mediaTypes.ociManifest, {
          platform: { os: "linux", architecture: "arm64" },
          ...named("x/y:1"),
        }),
        descriptorOf(manifests[1]!, mediaTypes.ociManifest, {
          platform: { os: "linux", architecture: "amd64" },
          ...named("x/y:1"),
        }),
        descriptorOf(statement, mediaTypes.ociManifest),
      ],
      [...manifests, statement, json({}), image.config, arm.config, ...image.layers, ...arm.layers],
    );
    const loaded = await load(files, { platform: parsePlatform("linux/amd64") });
    expect(loaded.map((item) => [item.image.id, item.tags])).toEqual([[image.id, ["docker.io/x/y:1"]]]);
  });

  test("packed layers are kept as they came", async () => {
    const packed = image.layers.map((layer) => gzipSync(layer));
    const manifest = manifestOf(image, {
      layers: packed.map((bytes) => descriptorOf(bytes, mediaTypes.ociLayerGzip)),
    });
    const files = layoutFiles(
      [descriptorOf(manifest, mediaTypes.ociManifest)],
      [manifest, image.config, ...packed],
    );
    const [loaded] = await load(files);
    expect(loaded!.image.id).toBe(image.id);
    store.gc();
    for (const bytes of packed) expect(bytes.equals(store.blobs.readSync(sha256(bytes)))).toBe(true);
  });

  test.each([
    ["foreign layers", { mediaType: mediaTypes.ociForeignLayer }, "ARCHIVE_FOREIGN_LAYER"],
    ["layers with addresses", { urls: ["http://169.254.169.254/"] }, "ARCHIVE_FOREIGN_LAYER"],
    ["encrypted layers", { mediaType: `${mediaTypes.ociLayer}+encrypted` }, "MEDIA_TYPE_UNSUPPORTED"],
    ["a size that is too small", { size: 3 }, "ARCHIVE_MISMATCH"],
    ["a size that is too large", { size: 1 << 30 }, "ARCHIVE_MISMATCH"],
    ["CVE-2024-3727: a digest that is a path", { digest: "sha256:../../../etc/passwd" }, "MANIFEST_INVALID"],
    ["a layer that is not there", { digest: `sha256:${"0".repeat(64)}` }, "ARCHIVE_INCOMPLETE"],
  ])("%s are refused", async (_, change, code) => {
    const [first, ...rest] = image.layers.map((layer) => descriptorOf(layer, mediaTypes.ociLayer));
    const manifest = manifestOf(image, { layers: [{ ...first, ...change }, ...rest] });
    expect((await refused(load(layout({}, manifest)))).code).toBe(code as StrakeError["code"]);
  });

  test("content that is not what its name says is refused", async () => {
    // New content each time: what the store has already is not read again, so damage to it cannot matter.
    for (const part of ["config", "layer", "manifest"] as const) {
      const fresh = await makeImage([`damaged ${part}`]);
      const manifest = manifestOf(fresh);
      const damaged = { config: fresh.config, layer: fresh.layers[0]!, manifest }[part];
      const [name] = blob(damaged);
      const bytes = Buffer.from(damaged);
      bytes[part === "layer" ? 515 : bytes.length >> 1]! ^= 1;
      const blobs = [manifest, fresh.config, ...fresh.layers];
      const files = layoutFiles([descriptorOf(manifest, mediaTypes.ociManifest)], blobs);
      const { code } = await refused(load(files.map(([path, file]) => [path, path === name ? bytes : file])));
      expect(["ARCHIVE_MISMATCH", "LAYER_MISMATCH"]).toContain(code);
    }
  });

  test("CVE-2021-41190: a document that is manifest and index at once is refused", async () => {
    const both = manifestOf(image, { manifests: [] });
    expect((await refused(load(layout({}, both)))).code).toBe("MANIFEST_INVALID");
  });

  test("layouts of another version are refused", async () => {
    const files = layout().map(([path, file]): [string, TarFile] => [
      path,
      path === "oci-layout" ? json({ imageLayoutVersion: "2.0" }) : file,
    ]);
    expect((await refused(load(files))).code).toBe("ARCHIVE_INVALID");
  });
});

describe("damaged and hostile archives", () => {
  test.each([
    [
      "a config whose name is not its digest",
      (name: string) => name.endsWith(".json") && name !== "manifest.json",
      "ARCHIVE_MISMATCH",
    ],
    ["a layer that is another", (name: string) => name.endsWith("-0/layer.tar"), "ARCHIVE_MISMATCH"],
  ])("%s is refused", async (_, isIt, code) => {
    const other = await makeImage(["z"]);
    const files = dockerFiles(image, null).map(([name, file]): [string, TarFile] => {
      if (!(isIt as (name: string) => boolean)(name)) return [name, file];
      return [
        name,
        name.endsWith(".json")
          ? json({ ...JSON.parse(image.config.toString()), author: "x" })
          : other.layers[0]!,
      ];
    });
    expect((await refused(load(files))).code).toBe(code as StrakeError["code"]);
  });

  test("a layer that is not in it: nothing is fetched from addresses the archive names", async () => {
    const files = dockerFiles(image, null).slice(1);
    const error = await refused(load(files));
    expect([error.code, error.hint]).toEqual([
      "ARCHIVE_INCOMPLETE",
      expect.stringContaining("never fetched"),
    ]);
  });

  test.each([
    ["RepoTags", "../../x:1"],
    ["RepoTags", "a@sha256:zz"],
    ["RepoTags", `a@sha256:${"0".repeat(64)}`],
  ])("CVE-2014-9358: %s with %s", async (_, name) => {
    expect((await refused(load(dockerFiles(image, [name])))).code).toBe("ARCHIVE_INVALID");
  });

  test("truncated anywhere: an error, nothing left", async () => {
    const tar = await tarOf(dockerFiles(image, ["cut:1"]));
    for (const length of [100, 600, 1500, tar.length - 3000]) {
      const { code } = await refused(loadArchive(store, pieces(tar.subarray(0, length))));
      expect(["TAR_TRUNCATED", "ARCHIVE_INVALID", "ARCHIVE_INCOMPLETE", "TAR_INVALID"]).toContain(code);
    }
    const packed = gzipSync(tar);
    expect((await refused(loadArchive(store, pieces(packed.subarray(0, packed.length - 20))))).code).toBe(
      "COMPRESSION_TRUNCATED",
    );
    expect(store.images.get("cut:1")).toBeUndefined();
  });

  test("a tar of a file system says which command reads it; noise is no tar", async () => {
    const error = await refused(load([["etc/passwd", "root:x:0:0::/:/bin/sh\n"]]));
    expect(error.hint).toContain("strake import");
    expect((await refused(loadArchive(store, pieces(Buffer.alloc(5000, "noise"))))).code).toBe("TAR_INVALID");
    expect((await refused(loadArchive(store, pieces(Buffer.alloc(0))))).code).toBe("ARCHIVE_INVALID");
  });

  test("files that are no layers do not matter while nothing names them", async () => {
    const files: [string, TarFile][] = [
      ["VERSION", "1.0"],
      ["noise", Buffer.alloc(4000, 7)],
      ["../escape", "x"],
      ...dockerFiles(image, null),
    ];
    expect((await load(files))[0]!.image.id).toBe(image.id);
    const [manifest] = dockerFiles(image, null).slice(-1);
    const broken = JSON.parse((manifest![1] as Buffer).toString());
    broken[0].Layers[0] = "noise";
    const error = await refused(load([...files.slice(0, -1), ["manifest.json", json(broken)]]));
    expect([error.code, error.message]).toEqual(["TAR_INVALID", expect.stringContaining("is no layer")]);
  });

  test("CVE-2020-1702: more documents than are kept in memory are refused", async () => {
    const filler = Buffer.alloc(7 << 20, " ");
    filler[0] = 0x7b;
    const files = Array.from({ length: 10 }, (_, i): [string, TarFile] => [`blobs/sha256/doc${i}`, filler]);
    expect((await refused(load([...files, ...dockerFiles(image, null)]))).code).toBe("ARCHIVE_LIMIT");
  });

  test("an abort in the middle leaves nothing", async () => {
    const abort = new AbortController();
    const tar = await tarOf(dockerFiles(await makeImage(["fresh"]), ["gone:1"]));
    async function* slow() {
      yield tar.subarray(0, 1200);
      abort.abort();
      yield tar.subarray(1200);
    }
    expect((await refused(loadArchive(store, slow(), { signal: abort.signal }))).code).toBe("CANCELED");
  });
});
