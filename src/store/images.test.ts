import { describe, expect, test } from "bun:test";
import { encodeConfig, parseReference, sha256 } from "../oci/index.ts";
import { makeImage, temporaryStore } from "./fixture/temporary-store.ts";

test("an image is found by ID, beginning of an ID, tag and digest", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { images } = t.store;
  const { id } = await makeImage(t.store, ["a", "b"], lease);
  images.tag(parseReference("app"), id);
  images.tag(parseReference("registry.example:5000/app:v1"), id);
  const manifest = sha256("manifest");
  images.addRepoDigest(parseReference("registry.example:5000/app"), manifest, id);
  const image = images.find(id);
  expect(image).toMatchObject({
    id,
    os: "linux",
    architecture: "amd64",
    created: "2024-01-01T00:00:00Z",
    diffIDs: [sha256("a"), sha256("b")],
    tags: ["docker.io/library/app:latest", "registry.example:5000/app:v1"],
    repoDigests: [`registry.example:5000/app@${manifest}`],
  });
  for (const name of [
    id.slice(7),
    id.slice(7, 19),
    id.slice(0, 12),
    "app",
    "app:latest",
    "docker.io/library/app",
    "registry.example:5000/app:v1",
    `registry.example:5000/app@${manifest}`,
    `registry.example:5000/app:other@${manifest}`,
  ])
    expect(images.get(name)).toEqual(image);
  for (const name of [
    "app:v2",
    "other",
    "",
    "sha256:",
    "../x",
    sha256("x"),
    `app@${manifest}`,
    id.slice(8, 20),
  ])
    expect(images.get(name)).toBeUndefined();
  expect(() => images.find("other")).toThrow(expect.objectContaining({ code: "IMAGE_NOT_FOUND" }));
});

test("a name wins over the beginning of an ID; an ambiguous beginning is refused", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const made = [];
  for (let i = 0; i < 17; i++) made.push(await makeImage(t.store, [`layer ${i}`], lease));
  const first = made.map(({ id }) => id[7]!);
  const twice = first.find((digit, i) => first.indexOf(digit) !== i)!;
  expect(() => t.store.images.get(twice)).toThrow(expect.objectContaining({ code: "IMAGE_AMBIGUOUS" }));
  t.store.images.tag(parseReference(`${twice}`), made[0]!.id);
  expect(t.store.images.get(twice)?.id).toBe(made[0]!.id);
});

test("what an image needs must be there first", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const config = {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [sha256("x")] },
  } as const;
  const put = async (bytes: Uint8Array) => {
    const { digest } = await t.store.blobs.put(bytes, { lease });
    return t.store.images.put({ configDigest: digest, lease });
  };
  await expect(put(encodeConfig(config))).rejects.toMatchObject({ code: "IMAGE_INCOMPLETE" });
  await expect(put(Buffer.from("{}"))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(() => t.store.images.put({ configDigest: sha256("none"), lease })).toThrow(
    expect.objectContaining({ code: "BLOB_NOT_FOUND" }),
  );
  expect(t.store.images.list()).toEqual([]);
});

test("putting again is harmless; a manifest learnt later stays", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const image = await makeImage(t.store, ["a"], lease);
  const { digest, size } = await t.store.blobs.put(Buffer.from("{}"), { lease });
  const manifest = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size };
  expect(t.store.images.put({ configDigest: image.id, manifest, lease })).toEqual({ ...image, manifest });
  expect(t.store.images.put({ configDigest: image.id, lease })).toEqual({ ...image, manifest });
  expect(t.store.images.list()).toHaveLength(1);
});

describe("tags", () => {
  test("move from image to image", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const [one, two] = [await makeImage(t.store, ["1"], lease), await makeImage(t.store, ["2"], lease)];
    const name = parseReference("app:v1");
    expect(t.store.images.tag(name, one.id)).toBeUndefined();
    expect(t.store.images.tag(name, two.id)).toBe(one.id);
    expect(t.store.images.tag(name, two.id)).toBe(two.id);
    expect(t.store.images.byReference(name)?.id).toBe(two.id);
    expect(t.store.images.find(one.id).tags).toEqual([]);
    expect(t.store.images.untag(name)).toBe(two.id);
    expect(() => t.store.images.untag(name)).toThrow(expect.objectContaining({ code: "IMAGE_NOT_FOUND" }));
    expect(t.store.images.list()).toHaveLength(2);
  });

  test("need an image, and cannot be digests", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const { id } = await makeImage(t.store, ["1"], lease);
    expect(() => t.store.images.tag(parseReference("a"), sha256("none"))).toThrow(
      expect.objectContaining({ code: "IMAGE_NOT_FOUND" }),
    );
    expect(() => t.store.images.tag(parseReference(`a@${id}`), id)).toThrow(
      expect.objectContaining({ code: "REFERENCE_INVALID" }),
    );
  });
});

test("an image in use is removed only by force; its container keeps the layers", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  const { id, diffIDs } = await makeImage(t.store, ["1"], lease);
  lease.release();
  t.store.containers.create({
    ...{ id: "c0ffee", name: "web", state: {} },
    refs: [{ kind: "image", key: id }, ...diffIDs.map((key) => ({ kind: "layer", key }) as const)],
  });
  expect(t.store.images.usedBy(id)).toEqual(["c0ffee"]);
  expect(() => t.store.images.remove(id)).toThrow(expect.objectContaining({ code: "IMAGE_IN_USE" }));
  expect(t.store.images.prune({ all: true })).toEqual([]);
  t.store.images.remove(id, { force: true });
  expect(t.store.gc().layers).toEqual([]);
  t.store.containers.remove("c0ffee");
  expect(t.store.gc({ verify: true })).toMatchObject({ layers: [{ digest: diffIDs[0] }], problems: [] });
});

test("prune removes what has no tag, all of it on demand, never what is leased or kept", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  const [tagged, dangling, kept] = [
    await makeImage(t.store, ["1"], lease),
    await makeImage(t.store, ["2"], lease),
    await makeImage(t.store, ["3"], lease),
  ];
  t.store.images.tag(parseReference("app"), tagged.id);
  expect(t.store.images.prune({ all: true })).toEqual([]);
  lease.release();
  const keep = ({ id }: { id: string }) => id === kept.id;
  expect(t.store.images.prune({ keep }).map(({ id }) => id)).toEqual([dangling.id]);
  expect(t.store.images.prune({ all: true, keep }).map(({ id }) => id)).toEqual([tagged.id]);
  expect(t.store.images.list().map(({ id }) => id)).toEqual([kept.id]);
});

test("what is held can be read to the end, though it was removed", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { id } = await makeImage(t.store, ["one", "two"], lease);
  lease.release();
  {
    using reader = t.store.lease();
    const held = t.store.images.hold(id.slice(7, 20), reader);
    t.store.images.remove(id);
    t.store.gc();
    expect(t.store.layers.intact(held.diffIDs)).toHaveLength(2);
    expect(t.store.blobs.readSync(id)).toBeDefined();
    expect(() => t.store.images.hold(id, reader)).toThrow(
      expect.objectContaining({ code: "IMAGE_NOT_FOUND" }),
    );
  }
  t.store.gc();
  expect(t.store.layers.list()).toEqual([]);
});
