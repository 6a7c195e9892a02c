import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Engine } from "../../src/engine/index.ts";
import { hostPlatform, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { json, pieces, tarOf } from "../support/archives.ts";
import { Authority } from "../support/certificates.ts";
import { makeStrake } from "../support/strake.ts";
import { userEnv } from "../support/user-env.ts";

/** Registries on real sockets that lie in their documents: nothing of it is believed, and nothing of it stays. */
const home = mkdtempSync(join(tmpdir(), "strake-hostile-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = userEnv(home);
const retry = { attempts: 2, baseMs: 1, capMs: 5 };

const tar = await tarOf([["file", "hello"]]);
const layer = gzipSync(tar);
const described = (mediaType: string, bytes: Uint8Array) => ({
  ...{ mediaType, digest: sha256(bytes), size: bytes.length },
});
const configOf = (...diffIDs: readonly string[]) =>
  json({ ...hostPlatform(), rootfs: { type: "layers", diff_ids: diffIDs } });
const config = configOf(sha256(tar));
const honest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: described(mediaTypes.ociConfig, config),
  layers: [described(mediaTypes.ociLayerGzip, layer)],
};

interface Offer {
  readonly manifest: Uint8Array | AsyncIterable<Uint8Array>;
  readonly type?: string;
  readonly blobs?: readonly Uint8Array[];
}

/** Serves a manifest under every tag, and blobs under their digests. */
function registryOf({ manifest, type = mediaTypes.ociManifest, blobs = [config, layer] }: Offer) {
  return serve(async (request: IncomingMessage, response: ServerResponse) => {
    const blob = blobs.find((bytes) => request.url!.endsWith(sha256(bytes)));
    if (blob) return void response.end(blob);
    if (!request.url!.includes("/manifests/")) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": type });
    if (manifest instanceof Uint8Array) return void response.end(manifest);
    for await (const chunk of manifest) {
      if (response.destroyed) return;
      if (!response.write(chunk))
        await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
    }
  });
}

/** As an index or a manifest goes on and on. */
async function* endless(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"schemaVersion":2,"annotations":{"x":"');
  for (;;) yield Buffer.alloc(1 << 20, "a");
}

const bigConfig = json({
  ...hostPlatform(),
  rootfs: { type: "layers", diff_ids: [] },
  x: "a".repeat(40 << 20),
});
const other = configOf(sha256("another layer"));
const twice = configOf(sha256("another layer"), sha256(tar));

const lies: readonly (readonly [name: string, code: string, offer: () => Offer])[] = [
  [
    "CVE-2021-41190: a manifest that is an index as well",
    "MANIFEST_INVALID",
    () => ({ manifest: json({ ...honest, mediaType: undefined, manifests: [] }) }),
  ],
  [
    "CVE-2021-41190: a manifest served as an index",
    "INDEX_INVALID",
    () => ({ manifest: json(honest), type: mediaTypes.ociIndex }),
  ],
  ["CVE-2021-21285: a manifest that is no JSON", "MANIFEST_INVALID", () => ({ manifest: Buffer.from("{") })],
  ["CVE-2021-21285: a manifest that is null", "MANIFEST_INVALID", () => ({ manifest: Buffer.from("null") })],
  [
    "CVE-2021-21285: layers that are none",
    "MANIFEST_INVALID",
    () => ({ manifest: json({ ...honest, layers: [null] }) }),
  ],
  ["CVE-2020-1702: a manifest without end", "REGISTRY_RESPONSE", () => ({ manifest: endless() })],
  [
    "CVE-2020-1702: an index without end",
    "REGISTRY_RESPONSE",
    () => ({ manifest: endless(), type: mediaTypes.ociIndex }),
  ],
  [
    "CVE-2020-1702: a huge configuration",
    "BLOB_TOO_LARGE",
    () => ({
      manifest: json({ ...honest, config: described(mediaTypes.ociConfig, bigConfig) }),
      blobs: [bigConfig, layer],
    }),
  ],
  [
    "CVE-2024-3727: a digest that is a path",
    "MANIFEST_INVALID",
    () => ({ manifest: json({ ...honest, layers: [{ ...honest.layers[0], digest: "sha256:../../../x" }] }) }),
  ],
  [
    "a descriptor that says less than the blob has",
    "BLOB_MISMATCH",
    () => ({ manifest: json({ ...honest, layers: [{ ...honest.layers[0]!, size: layer.length - 1 }] }) }),
  ],
  [
    "a descriptor that says more than the blob has",
    "REGISTRY_TRUNCATED",
    () => ({ manifest: json({ ...honest, layers: [{ ...honest.layers[0]!, size: layer.length + 1 }] }) }),
  ],
  [
    "another layer than the configuration says",
    "LAYER_MISMATCH",
    () => ({
      manifest: json({ ...honest, config: described(mediaTypes.ociConfig, other) }),
      blobs: [other, layer],
    }),
  ],
  [
    "one layer that stands twice, of which the configuration says two contents",
    "MANIFEST_INVALID",
    () => ({
      manifest: json({
        ...honest,
        config: described(mediaTypes.ociConfig, twice),
        layers: [honest.layers[0], honest.layers[0]],
      }),
      blobs: [twice, layer],
    }),
  ],
  [
    "a type of layer that is none",
    "MEDIA_TYPE_UNSUPPORTED",
    () => ({ manifest: json({ ...honest, layers: [{ ...honest.layers[0], mediaType: "text/html" }] }) }),
  ],
];

let engines = 0;
function openEngine(): Engine {
  const root = join(home, String(engines++));
  return Engine.open({ root: join(root, "root"), runRoot: join(root, "run") });
}

describe("a registry that lies is not believed, and leaves nothing", () => {
  test.each([...lies])("%s", async (_, code, offer) => {
    using registry = await registryOf(offer());
    using engine = openEngine();
    const pull = engine.pull({ env, retry, reference: `${registry.host}/app:1` });
    await expect(pull).rejects.toMatchObject({ code });
    expect(engine.images()).toEqual([]);
    engine.store.gc();
    expect([engine.store.blobs.list(), engine.store.layers.list()]).toEqual([[], []]);
    expect(existsSync(join(home, "x"))).toBe(false);
  });

  test("one whose layer is of another type than it says is unpacked as what it is, or refused", async () => {
    for (const mediaType of [mediaTypes.ociLayerZstd, mediaTypes.ociLayerGzip]) {
      const manifest = json({ ...honest, layers: [{ ...honest.layers[0]!, mediaType }] });
      using registry = await registryOf({ manifest });
      using engine = openEngine();
      const { image } = await engine.pull({ env, retry, reference: `${registry.host}/app:1` });
      expect(image.diffIDs).toEqual([sha256(tar)]);
    }
  });

  test("an index that names an artifact for our platform before the image", async () => {
    const manifest = json(honest);
    const platform = hostPlatform();
    const artifact = { ...described("application/vnd.example.thing", new Uint8Array(1)), platform };
    const entries = [artifact, { ...described(mediaTypes.ociManifest, manifest), platform }];
    const index = json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries });
    using registry = await serve((request, response) => {
      const found = [manifest, config, layer].find((bytes) => request.url!.endsWith(sha256(bytes)));
      const type = found === manifest ? mediaTypes.ociManifest : mediaTypes.ociIndex;
      response.writeHead(200, { "content-type": type }).end(found ?? index);
    });
    using engine = openEngine();
    const { image } = await engine.pull({ env, retry, reference: `${registry.host}/app:1` });
    expect(image.diffIDs).toEqual([sha256(tar)]);
  });

  test.each([
    ["packed", mediaTypes.ociLayerGzip, gzipSync("")],
    ["plain", mediaTypes.ociLayer, new Uint8Array(0)],
  ])("layers of no bytes are layers, %s, and so they are in an archive", async (_, mediaType, nothing) => {
    const diffIDs = [sha256(""), sha256(tar), sha256("")];
    const own = configOf(...diffIDs);
    const [first] = honest.layers;
    const empty = described(mediaType, nothing);
    const manifest = {
      ...honest,
      config: described(mediaTypes.ociConfig, own),
      layers: [empty, first, empty],
    };
    using registry = await registryOf({ manifest: json(manifest), blobs: [own, layer, nothing] });
    using engine = openEngine();
    const { image } = await engine.pull({ env, retry, reference: `${registry.host}/app:1` });
    expect(image.diffIDs).toEqual(diffIDs);
    const saved: Uint8Array[] = [];
    await engine.save([image.id], { sink: (chunk) => void saved.push(chunk.slice()) });
    using other = openEngine();
    const [loaded] = await other.load({ source: pieces(Buffer.concat(saved)) });
    expect(loaded!.image.diffIDs).toEqual(diffIDs);
  });

  test("CVE-2024-23650: an index whose entries say no platform harms nobody", async () => {
    const manifest = json(honest);
    const entries = [null, {}, undefined].map((platform) => ({
      ...described(mediaTypes.ociManifest, manifest),
      ...(platform === undefined ? {} : { platform }),
    }));
    for (const entry of entries) {
      const index = json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] });
      using registry = await registryOf({ manifest: index, type: mediaTypes.ociIndex });
      using engine = openEngine();
      const pull = engine.pull({ env, retry, reference: `${registry.host}/app:1` });
      // Whatever it is taken for, it ends with an error that has a code, or with the image.
      const ended = await pull.then(
        () => "pulled",
        (error: { code?: string }) => error.code,
      );
      expect(ended).toMatch(/^[A-Za-z_]+$/);
      expect(ended).not.toBe("INTERNAL");
    }
  });
});

describe("credentials are for the registry they were given for", () => {
  const secret = Buffer.from("ann:secret").toString("base64");

  test("CVE-2020-15157: a foreign layer's urls get none", async () => {
    using authority = new Authority("Hostile Test");
    using elsewhere = await serve((_, response) => {
      if (elsewhere.seen.length === 1)
        return void response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
      response.end(layer);
    }, authority.sign("IP:127.0.0.1"));
    const { host: away, seen } = elsewhere;
    // What is trusted for a registry is not trusted for an address it names: the whole machine has to trust it.
    const ca = join(home, "ca.crt");
    writeFileSync(ca, authority.cert);
    const foreign = {
      ...described(mediaTypes.ociForeignLayerGzip, layer),
      urls: [`https://${away}/layer`],
    };
    const manifest = json({ ...honest, layers: [foreign] });
    using registry = await serve((request, response) => {
      const { authorization } = request.headers;
      if (authorization !== `Basic ${secret}`)
        return void response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
      if (request.url!.includes("/manifests/"))
        return void response.writeHead(200, { "Content-Type": mediaTypes.ociManifest }).end(manifest);
      if (request.url!.endsWith(sha256(config))) return void response.end(config);
      response.writeHead(404).end();
    });
    mkdirSync(join(home, ".docker"), { recursive: true });
    const auths = { [registry.host]: { auth: secret }, "https://index.docker.io/v1/": { auth: "bWU6bm90" } };
    writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ auths }));
    const strake = makeStrake();
    try {
      const options = { env: { ...env, NODE_EXTRA_CA_CERTS: ca } };
      const pull = () => strake.run(["pull", "-q", `${registry.host}/app:1`], options);
      const asked = await pull();
      expect([asked.code, asked.stderr]).toEqual([expect.any(Number), expect.stringContaining(away)]);
      expect(asked.code).not.toBe(0);
      expect(await pull()).toMatchObject({ code: 0 });
      expect(seen.length).toBeGreaterThan(1);
      for (const { headers } of seen) expect(JSON.stringify(headers)).not.toContain(secret);
    } finally {
      await strake.remove();
    }
  });

  test("CVE-2021-41092: a helper that is not there, or knows nobody, does not make another's be sent", async () => {
    using registry = await serve((_, response) => {
      response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
    });
    const auths = { "https://index.docker.io/v1/": { auth: secret }, "other.example": { auth: secret } };
    for (const store of [
      { credsStore: "not-there" },
      { credHelpers: { [registry.host]: "not-there" } },
      {},
    ]) {
      writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ auths, ...store }));
      using engine = openEngine();
      const pull = engine.pull({ env, retry, reference: `${registry.host}/app:1` });
      await expect(pull).rejects.toMatchObject({ code: expect.any(String) });
    }
    expect(registry.seen.length).toBeGreaterThan(0);
    for (const { headers } of registry.seen) expect(JSON.stringify(headers)).not.toContain(secret);
  });
});

test("nothing was written beside the stores", () => {
  expect(readdirSync(home).filter((name) => !/^(\d+|ca\.crt|\.docker|\.bun)$/.test(name))).toEqual([]);
});
