import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  dockerFiles,
  makeImage,
  makeStore,
  pieces,
  type TestImage,
  tarOf,
} from "../../../test/support/archives.ts";
import { decodeManifest, mediaTypes, parseReference, sha256 } from "../../oci/index.ts";
import { readTar } from "../../tar/index.ts";
import { bootstrapBusybox } from "../bootstrap/busybox.ts";
import { loadArchive } from "../load/load.ts";
import { type SaveOptions, type SaveRequest, saveArchive } from "./save.ts";

let bed: ReturnType<typeof makeStore>;
let image: TestImage;
let requests: SaveRequest[];

beforeAll(async () => {
  bed = makeStore();
  image = await makeImage(["a", "b"]);
  const other = await makeImage(["a", "c"]);
  await loadArchive(bed.store, pieces(await tarOf(dockerFiles(image, ["app:1", "app:2"]))));
  await loadArchive(bed.store, pieces(await tarOf(dockerFiles(other, ["other:1"]))));
  requests = ["app:1", "app:2", "other:1"].map((name) => ({
    image: bed.store.images.find(name),
    names: [parseReference(name)],
  }));
});

afterAll(() => bed.remove());

async function saved(wanted: readonly SaveRequest[], options: SaveOptions = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await saveArchive(bed.store, wanted, (chunk) => void chunks.push(Buffer.from(chunk)), options);
  return Buffer.concat(chunks);
}

async function filesOf(tar: Uint8Array): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const { entry, body } of readTar([tar])) {
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(Buffer.from(part));
    if (entry.type === "file") files.set(entry.path, Buffer.concat(parts));
  }
  return files;
}

describe("the archive", () => {
  test("is the same bytes every time", async () => {
    for (const options of [{}, { format: "oci" }, { compression: "gzip" }, { compression: "zstd" }] as const)
      expect((await saved(requests, options)).equals(await saved(requests, options))).toBe(true);
  });

  test("holds each blob once, under its digest", async () => {
    const files = await filesOf(await saved(requests));
    const blobs = [...files].filter(([name]) => name.startsWith("blobs/"));
    for (const [name, content] of blobs) expect(`sha256:${name.split("/")[2]}`).toBe(sha256(content));
    // Two images with one shared layer: 2 configs, 2 manifests, 3 layers.
    expect(blobs).toHaveLength(7);
    expect(JSON.parse(files.get("manifest.json")!.toString())).toMatchObject([
      { RepoTags: ["app:1", "app:2"] },
      { RepoTags: ["other:1"] },
    ]);
  });

  test("oci: the layout alone", async () => {
    const files = await filesOf(await saved(requests, { format: "oci" }));
    expect([...files.keys()].filter((name) => !name.startsWith("blobs/"))).toEqual([
      "oci-layout",
      "index.json",
    ]);
  });

  test("comes back with the same ids, names and layers, in every form", async () => {
    for (const format of ["docker", "oci"] as const)
      for (const compression of ["none", "gzip", "zstd"] as const) {
        const other = makeStore();
        try {
          const loaded = await loadArchive(
            other.store,
            pieces(await saved(requests, { format, compression }), 5000),
          );
          expect(loaded.map((item) => [item.image.id, item.tags])).toEqual([
            [image.id, ["docker.io/library/app:1", "docker.io/library/app:2"]],
            [requests[2]!.image.id, ["docker.io/library/other:1"]],
          ]);
          const { manifest } = loaded[0]!.image;
          const { value } = decodeManifest(other.store.blobs.readSync(manifest!.digest));
          const suffix = compression === "none" ? "" : `+${compression}`;
          expect(value.layers.map(({ mediaType }) => mediaType)).toEqual(
            Array(2).fill(mediaTypes.ociLayer + suffix),
          );
          expect(other.store.gc({ verify: true }).problems).toEqual([]);
        } finally {
          other.remove();
        }
      }
  });

  test("a manifest that came with the image goes on unchanged", async () => {
    const other = makeStore();
    try {
      const first = await saved([requests[0]!], { compression: "gzip" });
      const [loaded] = await loadArchive(other.store, pieces(first));
      other.store.gc();
      const chunks: Buffer[] = [];
      const again = [{ image: loaded!.image, names: requests[0]!.names }];
      await saveArchive(other.store, again, (chunk) => void chunks.push(Buffer.from(chunk)));
      expect(Buffer.concat(chunks).equals(first)).toBe(true);
    } finally {
      other.remove();
    }
  });

  test("an abort ends it", async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(saved(requests, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELED" });
  });
});

const missing = ["skopeo", "umoci", "tar"].filter((tool) => Bun.which(tool) === null);
const rootless = process.getuid?.() !== 0;
const reason =
  missing.length > 0
    ? `${missing.join(", ")} not installed`
    : rootless
      ? "umoci unpacks as root only"
      : undefined;
if (reason !== undefined) console.log(`skipped: archives and Debian's tools: ${reason}`);

function run(...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stderr: "pipe", stdout: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.toString();
}

/** Type, mode, owner, link target and content of everything below a folder. */
function snapshot(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(root, name);
    const { mode, uid, gid, mtimeMs } = lstatSync(path);
    const kind = mode & 0o170000;
    const content =
      kind === 0o120000 ? readlinkSync(path) : kind === 0o100000 ? sha256(readFileSync(path)) : "";
    found.set(
      name,
      [mode.toString(8), uid, gid, kind === 0o040000 ? "" : Math.floor(mtimeMs / 1000), content].join(" "),
    );
  }
  return found;
}

describe.skipIf(reason !== undefined)("skopeo 1.9 and umoci 0.4", () => {
  let busybox: SaveRequest;
  let expected: Map<string, string>;

  beforeAll(async () => {
    using lease = bed.store.lease();
    const made = await bootstrapBusybox(bed.store, { lease });
    bed.store.images.tag(parseReference("busybox:1"), made.id);
    busybox = { image: bed.store.images.find("busybox:1"), names: [parseReference("busybox:1")] };
    const root = join(bed.home, "expected");
    mkdirSync(root);
    run("tar", "-C", root, "-xpf", bed.store.layers.get(made.diffIDs[0]!)!.tarPath);
    expected = snapshot(root);
    expect(expected.size).toBeGreaterThan(100);
  });

  const forms = [
    ["docker", undefined],
    ["docker", "gzip"],
    ["oci", "none"],
    ["oci", "gzip"],
    ["oci", "zstd"],
  ] as const;

  test.each(forms)(
    "accept %s %p: copy, unpack, compare; and we load what they write",
    async (format, compression) => {
      const home = join(bed.home, `${format}-${compression}`);
      mkdirSync(home);
      const archive = join(home, "saved.tar");
      writeFileSync(archive, await saved([busybox], { format, ...(compression ? { compression } : {}) }));
      const kind = format === "docker" ? `docker-archive:${archive}` : `oci-archive:${archive}:1`;
      run("skopeo", "copy", "-q", kind, `oci:${home}/layout:1`);
      const written = [`oci-archive:${home}/again.oci.tar:re/written:3`];
      // Docker's media types know no zstd, and neither does umoci 0.4.
      if (compression !== "zstd") written.push(`docker-archive:${home}/again.tar:re/written:3`);
      for (const target of written) run("skopeo", "copy", "-q", kind, target);
      if (compression !== "zstd") {
        run("umoci", "unpack", "--image", `${home}/layout:1`, `${home}/bundle`);
        expect(snapshot(`${home}/bundle/rootfs`)).toEqual(expected);
      }
      const other = makeStore();
      try {
        for (const target of written) {
          const file = target.split(":")[1]!;
          const [loaded] = await loadArchive(
            other.store,
            Bun.file(file).stream() as unknown as AsyncIterable<Uint8Array>,
          );
          expect(loaded!.image.diffIDs).toEqual(busybox.image.diffIDs);
          expect(loaded!.tags).toEqual(["docker.io/re/written:3"]);
        }
      } finally {
        other.remove();
      }
    },
  );

  test("umoci takes our layout as it is", async () => {
    const home = join(bed.home, "direct");
    mkdirSync(join(home, "layout"), { recursive: true });
    writeFileSync(join(home, "saved.tar"), await saved([busybox], { format: "oci", compression: "gzip" }));
    run("tar", "-C", join(home, "layout"), "-xf", join(home, "saved.tar"));
    run("umoci", "unpack", "--image", `${home}/layout:1`, `${home}/bundle`);
    expect(snapshot(`${home}/bundle/rootfs`)).toEqual(expected);
    expect(existsSync(`${home}/bundle/config.json`)).toBe(true);
  });

  test("several images and names: skopeo finds each", async () => {
    const archive = join(bed.home, "several.tar");
    writeFileSync(archive, await saved(requests));
    for (const [name, id] of [
      ["docker.io/library/app:1", image.id],
      ["docker.io/library/app:2", image.id],
      ["docker.io/library/other:1", requests[2]!.image.id],
    ] as const) {
      const raw = JSON.parse(run("skopeo", "inspect", "--raw", `docker-archive:${archive}:${name}`));
      expect(raw.config.digest).toBe(id);
    }
  });
});
