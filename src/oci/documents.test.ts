import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Digest,
  decodeConfig,
  decodeIndex,
  decodeManifest,
  decodeManifestOrIndex,
  documentLimits,
  encodeConfig,
  encodeDocument,
  encodeIndex,
  encodeManifest,
  type ImageConfig,
  type Manifest,
  mediaTypes,
  sha256,
} from "./index.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}` as Digest;
const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 10 };
const config = { mediaType: mediaTypes.ociConfig, digest, size: 20 };
const manifest = { schemaVersion: 2, config, layers: [layer] };
const index = { schemaVersion: 2, manifests: [{ mediaType: mediaTypes.ociManifest, digest, size: 5 }] };
const image = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };
const fails = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message ? { message: expect.stringMatching(message) } : {}) });

describe("decodeManifest", () => {
  test("keeps raw bytes and unknown fields", () => {
    const raw = bytes({ ...manifest, "x-unknown": { deep: [1] }, layers: [{ ...layer, "x-other": 1 }] });
    const decoded = decodeManifest(raw);
    expect(decoded.raw).toBe(raw);
    expect(decoded.digest).toBe(sha256(raw));
    expect(decoded.mediaType).toBe(mediaTypes.ociManifest);
    expect(decoded.value).toEqual(JSON.parse(raw.toString()));
  });

  test("takes Docker schema 2, artifacts, and lists that Go wrote as null", () => {
    const docker = { ...manifest, mediaType: mediaTypes.dockerManifest };
    expect(decodeManifest(bytes(docker)).mediaType).toBe(mediaTypes.dockerManifest);
    expect(decodeManifest(bytes({ ...manifest, layers: null })).value.layers).toEqual([]);
    const nulls = { ...manifest, annotations: null, subject: null };
    expect(Object.keys(decodeManifest(bytes(nulls)).value)).toEqual(["schemaVersion", "config", "layers"]);
    const artifact = { ...manifest, artifactType: "application/x.y", subject: config };
    expect(decodeManifest(bytes(artifact)).value.subject?.size).toBe(20);
  });

  test("CVE-2021-41190: one document cannot be a manifest and an index", () => {
    const both = { ...manifest, manifests: index.manifests };
    for (const mediaType of [undefined, mediaTypes.ociManifest])
      expect(() => decodeManifest(bytes(both), mediaType)).toThrow(fails("MANIFEST_INVALID", /both/));
    for (const mediaType of [undefined, mediaTypes.ociIndex])
      expect(() => decodeIndex(bytes(both), mediaType)).toThrow(fails("INDEX_INVALID", /both/));
    for (const mediaType of [undefined, mediaTypes.ociIndex, mediaTypes.ociManifest])
      expect(() => decodeManifestOrIndex(bytes(both), mediaType)).toThrow(/both/);
    const stated = { ...manifest, mediaType: mediaTypes.ociManifest };
    expect(() => decodeManifest(bytes(stated), mediaTypes.dockerManifest)).toThrow(/was served as/);
    expect(() => decodeManifestOrIndex(bytes(stated), mediaTypes.ociIndex)).toThrow(/was served as/);
  });

  test("what two JSON parsers read differently is refused", () => {
    const text = JSON.stringify(manifest);
    for (const twice of [
      text.replace("{", '{"layers":[],'),
      text.replace("{", '{"\\u006cayers":[],'),
      text.replace('"size":10', '"size":10,"size":11'),
    ])
      expect(() => decodeManifest(bytes(twice))).toThrow(fails("MANIFEST_INVALID", /twice/));
    for (const twin of [
      { ...manifest, Layers: [] },
      { ...manifest, MANIFESTS: [] },
      { ...manifest, config: { ...config, Digest: digest } },
    ])
      expect(() => decodeManifest(bytes(twin))).toThrow(fails("MANIFEST_INVALID", /meant is/));
    expect(() => decodeManifest(Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), bytes(manifest)]))).toThrow(
      /not JSON/,
    );
    expect(() =>
      decodeManifest(
        Buffer.concat([bytes(text.slice(0, -1)), bytes(',"x":"'), Buffer.of(0xff), bytes('"}')]),
      ),
    ).toThrow(/not JSON/);
    // The same key in different objects is ordinary, and so are keys inside strings.
    expect(
      decodeManifest(bytes({ ...manifest, annotations: { layers: '{"a":1,"a":2}' } })).value.layers,
    ).toHaveLength(1);
  });

  test.each([
    ["no JSON", "{"],
    ["a list", []],
    ["null", "null"],
    ["no version", { config, layers: [] }],
    ["version 3", { ...manifest, schemaVersion: 3 }],
    ["version as text", { ...manifest, schemaVersion: "2" }],
    ["no config", { schemaVersion: 2, layers: [] }],
    ["config null", { ...manifest, config: null }],
    ["no layers", { schemaVersion: 2, config }],
    ["layers an object", { ...manifest, layers: {} }],
    ["a layer null", { ...manifest, layers: [null] }],
    ["a size negative", { ...manifest, layers: [{ ...layer, size: -1 }] }],
    ["a size as text", { ...manifest, layers: [{ ...layer, size: "10" }] }],
    ["a size too large", { ...manifest, layers: [{ ...layer, size: 2 ** 53 }] }],
    ["a size with fraction", { ...manifest, layers: [{ ...layer, size: 1.5 }] }],
    ["CVE-2024-3727 in a layer", { ...manifest, layers: [{ ...layer, digest: "sha256:../../../x" }] }],
    ["no digest", { ...manifest, layers: [{ mediaType: "a/b", size: 1 }] }],
    ["a media type that is none", { ...manifest, layers: [{ ...layer, mediaType: "../x y" }] }],
    ["urls as text", { ...manifest, layers: [{ ...layer, urls: "http://x" }] }],
    ["annotations of numbers", { ...manifest, annotations: { a: 1 } }],
    ["its type that of an index", { ...manifest, mediaType: mediaTypes.ociIndex }],
    ["its type that of a layer", { ...manifest, mediaType: mediaTypes.ociLayer }],
    ["nesting without end", `${'{"a":'.repeat(1e5)}1${"}".repeat(1e5)}`],
    ["arrays without end", `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`],
  ])("CVE-2021-21285: malformed is refused: %s", (_, value) => {
    expect(() => decodeManifest(bytes(value))).toThrow(fails("MANIFEST_INVALID"));
  });

  test("CVE-2020-1702: endless documents are refused by size, before decoding", () => {
    const endless = Buffer.alloc(documentLimits.manifest + 1, " ");
    expect(() => decodeManifest(endless)).toThrow(fails("MANIFEST_INVALID", /at most/));
    expect(() => decodeIndex(endless)).toThrow(fails("INDEX_INVALID", /at most/));
    expect(() => decodeConfig(Buffer.alloc(documentLimits.config + 1, " "))).toThrow(
      fails("CONFIG_INVALID", /at most/),
    );
    const fits = Buffer.alloc(documentLimits.manifest, " ");
    bytes(manifest).copy(fits);
    expect(decodeManifest(fits).value.layers).toHaveLength(1);
  });

  test("Docker schema 1 is recognised and refused", () => {
    const old = { schemaVersion: 1, name: "a", tag: "b", fsLayers: [] };
    for (const decode of [decodeManifest, decodeIndex, decodeManifestOrIndex])
      expect(() => decode(bytes(old))).toThrow(fails("MEDIA_TYPE_UNSUPPORTED", /schema 1/));
    expect(() => decodeManifest(bytes(manifest), mediaTypes.dockerSchema1Signed)).toThrow(/schema 1/);
  });

  test("embedded data must be what the descriptor says", () => {
    const data = Buffer.from("{}");
    const good = {
      mediaType: mediaTypes.ociEmpty,
      digest: sha256(data),
      size: 2,
      data: data.toString("base64"),
    };
    expect(decodeManifest(bytes({ ...manifest, config: good })).value.config.data).toBe("e30=");
    for (const bad of [
      { ...good, size: 3 },
      { ...good, digest },
      { ...good, data: "!" },
      { ...good, data: 5 },
    ])
      expect(() => decodeManifest(bytes({ ...manifest, config: bad }))).toThrow(
        fails("MANIFEST_INVALID", /config\.data/),
      );
  });
});

describe("decodeIndex", () => {
  test("takes OCI and Docker ones, with and without platforms", () => {
    const platform = { os: "linux", architecture: "arm", variant: "v7", "os.features": ["x"] };
    const entry = index.manifests[0]!;
    const value = { ...index, manifests: [{ ...entry, platform }, { ...entry, platform: null }, entry] };
    const decoded = decodeIndex(bytes({ ...value, mediaType: mediaTypes.dockerManifestList }));
    expect(decoded.value.manifests.map((m) => m.platform?.variant)).toEqual(["v7", undefined, undefined]);
    expect(decodeManifestOrIndex(bytes(value)).kind).toBe("index");
    expect(decodeManifestOrIndex(bytes(manifest)).kind).toBe("manifest");
  });

  test.each([
    ["CVE-2024-23650: platform a string", { platform: "linux/amd64" }],
    ["CVE-2024-23650: platform empty", { platform: {} }],
    ["platform without architecture", { platform: { os: "linux" } }],
    ["platform with a number", { platform: { os: "linux", architecture: 386 } }],
  ])("%s is refused", (_, fields) => {
    const value = { ...index, manifests: [{ ...index.manifests[0], ...fields }] };
    expect(() => decodeIndex(bytes(value))).toThrow(fails("INDEX_INVALID", /platform/));
  });

  test("an image's fields do not belong in it", () => {
    expect(() => decodeIndex(bytes({ ...index, config }))).toThrow(fails("INDEX_INVALID", /both/));
    expect(() => decodeIndex(bytes({ ...index, layers: [] }))).toThrow(fails("INDEX_INVALID", /both/));
  });
});

describe("decodeConfig", () => {
  test("keeps unknown fields; nulls of known ones vanish", () => {
    const value = {
      ...image,
      docker_version: "1.2",
      "moby.buildkit.buildinfo.v1": "x",
      config: {
        Cmd: null,
        Env: ["A=b"],
        Volumes: { "/v": null },
        Entrypoint: null,
        Domainname: "",
        Labels: null,
      },
      history: [{ created_by: "x", empty_layer: true, "x-y": 1 }],
    };
    const decoded = decodeConfig(bytes(value)).value;
    expect(decoded.config).toEqual({ Env: ["A=b"], Volumes: { "/v": {} }, Domainname: "" });
    expect(decoded.docker_version).toBe("1.2");
    expect(decoded.history).toEqual(value.history);
  });

  test("a configuration without layers is one", () => {
    const value = { ...image, rootfs: { type: "layers", diff_ids: null } };
    expect(decodeConfig(bytes(value)).value.rootfs.diff_ids).toEqual([]);
  });

  test.each([
    ["no rootfs", { architecture: "a", os: "b" }],
    ["no os", { architecture: "a", rootfs: image.rootfs }],
    ["a diff ID that is a path", { ...image, rootfs: { type: "layers", diff_ids: ["sha256:../../x"] } }],
    ["rootfs of another type", { ...image, rootfs: { type: "zip", diff_ids: [] } }],
    ["Env an object", { ...image, config: { Env: {} } }],
    ["Env of numbers", { ...image, config: { Env: [1] } }],
    ["Cmd a string", { ...image, config: { Cmd: "sh" } }],
    ["User a number", { ...image, config: { User: 0 } }],
    ["Labels of objects", { ...image, config: { Labels: { a: {} } } }],
    ["ExposedPorts a list", { ...image, config: { ExposedPorts: ["80/tcp"] } }],
    ["Healthcheck with text for a time", { ...image, config: { Healthcheck: { Interval: "5s" } } }],
    ["history an object", { ...image, history: {} }],
    ["history of null", { ...image, history: [null] }],
    ["empty_layer as text", { ...image, history: [{ empty_layer: "true" }] }],
    ["config a list", { ...image, config: [] }],
    ["Rootfs beside rootfs", { ...image, Rootfs: {} }],
  ])("malformed is refused: %s", (_, value) => {
    expect(() => decodeConfig(bytes(value))).toThrow(fails("CONFIG_INVALID"));
  });
});

describe("encoding", () => {
  test("is the same for equal values, however they were built", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const shuffled = JSON.parse(JSON.stringify(value), (_, v) =>
          v && typeof v === "object" && !Array.isArray(v)
            ? Object.fromEntries(Object.entries(v).reverse())
            : v,
        );
        expect(encodeDocument(shuffled)).toEqual(encodeDocument(value));
        expect(JSON.parse(new TextDecoder().decode(encodeDocument(value)))).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  test("known fields come in the specification's order", () => {
    const value = {
      rootfs: { diff_ids: [], type: "layers" },
      os: "linux",
      architecture: "amd64",
      created: "x",
    } as ImageConfig;
    expect(new TextDecoder().decode(encodeConfig({ ...value, zzz: 1, config: undefined, Aaa: 2 }))).toBe(
      '{"created":"x","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"Aaa":2,"zzz":1}',
    );
  });

  test("what is encoded decodes to the same", () => {
    const value = {
      ...manifest,
      mediaType: mediaTypes.ociManifest,
      annotations: { "\u{1f980}": "<&>", __proto__x: "" },
    };
    expect(decodeManifest(encodeManifest(value as Manifest)).value).toEqual(value as Manifest);
    expect(decodeIndex(encodeIndex(index as never)).value).toEqual(index as never);
    const settings = { ...image, config: { Env: ["A=b"], Labels: { b: "1", a: "2" } } } as ImageConfig;
    expect(decodeConfig(encodeConfig(settings)).value).toEqual(settings);
  });

  test("a key named __proto__ stays a key", () => {
    const raw = bytes('{"architecture":"a","os":"b","rootfs":{"type":"layers"},"__proto__":{"x":1}}');
    const { value } = decodeConfig(raw);
    expect("x" in value).toBe(false);
    expect(new TextDecoder().decode(encodeConfig(value))).toContain('"__proto__":{"x":1}');
  });

  test("what JSON cannot carry is a defect, not a silent {}", () => {
    for (const value of [new Date(0), new Map(), Number.NaN, 1n, () => 0])
      expect(() => encodeDocument({ value })).toThrow(fails("INTERNAL"));
  });
});
