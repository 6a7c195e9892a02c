import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  artifactFile,
  attachArtifact,
  copyBetween,
  deleteRemote,
  Engine,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  resolveRemote,
} from "../../src/engine/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import {
  encodeConfig,
  encodeIndex,
  encodeManifest,
  hostPlatform,
  mediaTypes,
  sha256,
} from "../../src/oci/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { Remote } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { tarOf } from "../support/archives.ts";
import { type RegistryPeer, registryPeers } from "../support/registry-peers.ts";
import { userEnv } from "../support/user-env.ts";

const home = mkdtempSync(join(tmpdir(), "strake-client-e2e-"));
const env = userEnv(home);
afterAll(() => rmSync(home, { recursive: true, force: true }));

let engines = 0;
function openEngine(): Engine {
  const name = String(engines++);
  return Engine.open({ root: join(home, name, "root"), runRoot: join(home, name, "run") });
}

const once = async function* (bytes: Uint8Array) {
  yield bytes;
};
const content = randomBytes(6 << 20);
const tar = await tarOf([
  ["data", content],
  ["text", "hello\n".repeat(100_000)],
]);
const importImage = (engine: Engine, tag: string) => engine.import({ source: once(tar), tag });
const outcomes = (events: readonly StrakeEvent[], verb: string) =>
  events.flatMap((event) =>
    event.type === "step.done" && event.step.startsWith(verb) ? [event.outcome] : [],
  );

for (const [name, { obstacle, start }] of Object.entries(registryPeers())) {
  if (obstacle) console.log(`skipped: our client against ${name}: ${obstacle}`);
  describe.skipIf(obstacle !== undefined)(`our client against ${name}`, () => {
    let peer: RegistryPeer;
    let engine: Engine;
    beforeAll(async () => {
      peer = await start();
      engine = openEngine();
      await importImage(engine, "app:1");
    });
    afterAll(async () => {
      engine.close();
      await peer.stop();
    });

    test("what is pushed is pulled again, and pushed on with the same digests", async () => {
      const pushed = await engine.push({ env, name: "app:1", target: `${peer.host}/team/app:1` });
      using other = openEngine();
      const events: StrakeEvent[] = [];
      const pulled = await other.pull({
        env,
        reference: `${peer.host}/team/app:1`,
        emit: (event) => events.push(event),
      });
      expect(pulled).toMatchObject({
        digest: pushed.digest,
        isCurrent: false,
        image: { id: engine.image("app:1").image.id },
      });
      expect(outcomes(events, "pull")).toEqual(["done"]);
      expect(other.store.gc({ verify: true }).problems ?? []).toEqual([]);

      events.length = 0;
      const again = await other.pull({
        env,
        reference: `${peer.host}/team/app:1`,
        emit: (event) => events.push(event),
      });
      expect([again.isCurrent, outcomes(events, "pull")]).toEqual([true, ["cached"]]);

      events.length = 0;
      const on = await other.push({
        env,
        name: pulled.image.id,
        target: `${peer.host}/else/app:2`,
        emit: (event) => events.push(event),
      });
      expect(on.digest).toBe(pushed.digest);
      // Mounted from where it was pulled: not a byte is sent.
      expect(outcomes(events, "push")).toEqual(["cached", "cached"]);
    });

    test("lists, resolves, copies, attaches, deletes", async () => {
      const { digest } = await engine.push({ env, name: "app:1", target: `${peer.host}/list/app:a` });
      await engine.push({ env, name: "app:1", target: `${peer.host}/list/app:b` });
      // distribution 2 lists them as its disk does.
      expect((await Array.fromAsync(listTags(`${peer.host}/list/app`, { env }))).sort()).toEqual(["a", "b"]);
      expect(await Array.fromAsync(listRepositories(peer.host, { env }))).toContain("list/app");
      expect((await resolveRemote(`${peer.host}/list/app:a`, { env })).digest).toBe(digest);
      const noteFile = join(home, "note");
      writeFileSync(noteFile, "hi");
      const artifact = {
        artifactType: "text/x-note",
        files: [await artifactFile(noteFile, { mediaType: "text/plain", name: "n" })],
      };
      const note = await attachArtifact(`${peer.host}/list/app:a`, artifact, { env });
      const twice = await attachArtifact(`${peer.host}/list/app:a`, artifact, { env });
      expect(twice.digest).toBe(note.digest);
      const found = await listReferrers(`${peer.host}/list/app:a`, { env, artifactType: "text/x-note" });
      expect(found.map((each) => [each.digest, each.artifactType])).toEqual([[note.digest, "text/x-note"]]);
      expect(await listReferrers(`${peer.host}/list/app:a`, { env, artifactType: "text/x-other" })).toEqual(
        [],
      );
      const copied = await copyBetween(`${peer.host}/list/app:a`, `${peer.host}/copied/app`, {
        env,
        referrers: true,
      });
      expect(copied.digest).toBe(digest);
      expect((await resolveRemote(`${peer.host}/copied/app:a`, { env })).digest).toBe(digest);
      await deleteRemote(`${peer.host}/list/app@${digest}`, { env });
      await expect(inspectManifest(`${peer.host}/list/app@${digest}`, { env })).rejects.toMatchObject({
        code: "REGISTRY_NOT_FOUND",
      });
    });

    test("all kinds of layers and an index of platforms, in Docker's types and OCI's", async () => {
      using remote = new Remote({ env });
      const repository = await remote.repository({ domain: peer.host, path: "kinds/app" });
      const put = async (bytes: Uint8Array) => {
        const blob = { digest: sha256(bytes), size: bytes.length };
        await repository.uploadBlob(blob, { open: (start, end) => [bytes.subarray(start, end)] });
        return blob;
      };
      const tars = await Promise.all(
        ["gzip", "zstd", "none"].map((kind) => tarOf([[kind, randomBytes(2 << 20)]])),
      );
      const layers = [
        { mediaType: mediaTypes.ociLayerGzip, ...(await put(gzipSync(tars[0]!))) },
        { mediaType: mediaTypes.ociLayerZstd, ...(await put(zstdCompressSync(tars[1]!))) },
        { mediaType: mediaTypes.ociLayer, ...(await put(tars[2]!)) },
      ];
      const { os, architecture } = hostPlatform();
      const config = encodeConfig({
        os,
        architecture,
        rootfs: { type: "layers", diff_ids: tars.map((each) => sha256(each)) },
      });
      const manifest = encodeManifest({
        ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers },
        config: { mediaType: mediaTypes.ociConfig, ...(await put(config)) },
      });
      const { digest } = await repository.putManifest(sha256(manifest), {
        raw: manifest,
        mediaType: mediaTypes.ociManifest,
      });
      const entry = {
        mediaType: mediaTypes.ociManifest,
        digest,
        size: manifest.length,
        platform: { os, architecture },
      };
      const index = encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] });
      await repository.putManifest("multi", { raw: index, mediaType: mediaTypes.ociIndex });
      using other = openEngine();
      const { image, digest: meant } = await other.pull({ env, reference: `${peer.host}/kinds/app:multi` });
      expect([image.id, meant, image.manifest?.digest]).toEqual([sha256(config), sha256(index), digest]);
      const on = await other.push({ env, name: image.id, target: `${peer.host}/kinds/two:1` });
      expect(on.digest).toBe(digest);
      expect(
        other.pull({ env, reference: `${peer.host}/kinds/app:multi`, platform: "linux/s390x" }),
      ).rejects.toMatchObject({
        code: "REGISTRY_PLATFORM",
      });
    });

    test("skopeo reads what we push, we read what it pushes", async () => {
      if (Bun.which("skopeo") === null) return void console.log("skipped: skopeo is not installed");
      await engine.push({ env, name: "app:1", target: `${peer.host}/skopeo/app:1` });
      const run = Bun.spawn(
        [
          "skopeo",
          "copy",
          "--src-tls-verify=false",
          "--dest-tls-verify=false",
          "--format",
          "v2s2",
          `docker://${peer.host}/skopeo/app:1`,
          `docker://${peer.host}/skopeo/app:2`,
        ],
        { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } },
      );
      expect([await run.exited, await new Response(run.stderr).text()]).toEqual([0, ""]);
      using other = openEngine();
      const { image } = await other.pull({ env, reference: `${peer.host}/skopeo/app:2` });
      expect(image.manifest?.mediaType).toBe(mediaTypes.dockerManifest);
      expect(image.diffIDs).toEqual([sha256(tar)]);
    });
  });
}

/** Stands before a registry and does something to answers. */
async function proxy(
  target: string,
  fault: (path: string, bytes: Buffer, count: number) => Buffer | undefined,
) {
  const counts = new Map<string, number>();
  return await serve(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { host: _, ...headers } = request.headers;
    const body = parts.length > 0 ? { body: Buffer.concat(parts) } : {};
    const answer = await fetch(`http://${target}${request.url}`, {
      method: request.method!,
      headers: headers as Record<string, string>,
      ...body,
      redirect: "manual",
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const count = counts.get(request.url!) ?? 0;
    counts.set(request.url!, count + 1);
    const changed = request.method === "GET" ? fault(request.url!, bytes, count) : bytes;
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (changed === undefined || changed.length < bytes.length)
      response.write(changed ?? "", () => response.destroy());
    else response.end(changed);
  });
}

describe("between us and a registry", () => {
  let registry: Registry;
  let host: string;
  beforeAll(async () => {
    registry = await Registry.start();
    host = new URL(registry.url).host;
    using engine = openEngine();
    await importImage(engine, "app:1");
    await engine.push({ env, name: "app:1", target: `${host}/app:1` });
  });
  afterAll(async () => await registry.stop());

  const isBlob = (path: string, bytes: Buffer) => path.includes("/blobs/") && bytes.length > 1 << 20;
  const retry = { baseMs: 1, capMs: 5 };

  test("a connection that is cut again and again delays a pull", async () => {
    using faulty = await proxy(host, (path, bytes, count) =>
      isBlob(path, bytes) && count < 6 ? bytes.subarray(0, 700_000) : bytes,
    );
    using engine = openEngine();
    expect((await engine.pull({ env, retry, reference: `${faulty.host}/app:1` })).image.diffIDs).toEqual([
      sha256(tar),
    ]);
  });

  test("a damaged layer is refused and leaves nothing", async () => {
    using faulty = await proxy(host, (path, bytes) => {
      if (isBlob(path, bytes)) bytes[bytes.length >> 1]! ^= 1;
      return bytes;
    });
    using engine = openEngine();
    expect(
      await engine.pull({ env, retry, reference: `${faulty.host}/app:1` }).catch((error) => error.code),
    ).toBe("BLOB_MISMATCH");
    expect(engine.images()).toEqual([]);
    engine.store.gc();
    expect([engine.store.blobs.list(), engine.store.layers.list()]).toEqual([[], []]);
  });

  test("a manifest that was changed is refused", async () => {
    using faulty = await proxy(host, (path, bytes) =>
      path.includes("/manifests/") ? Buffer.from(bytes.toString().replace('"size"', '"sizE"')) : bytes,
    );
    using engine = openEngine();
    expect(
      await engine.pull({ env, retry, reference: `${faulty.host}/app:1` }).catch((error) => error.code),
    ).toBe("BLOB_MISMATCH");
  });

  test("schema 1 and artifacts are refused by name", async () => {
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.url.includes("/manifests/")
          ? new Response('{"schemaVersion":1,"fsLayers":[]}', {
              headers: { "content-type": mediaTypes.dockerSchema1Signed },
            })
          : new Response("{}"),
    });
    using engine = openEngine();
    const pull = engine.pull({ env, reference: `127.0.0.1:${server.port}/old:1` });
    await expect(pull).rejects.toMatchObject({
      code: "MEDIA_TYPE_UNSUPPORTED",
      message: expect.stringContaining("schema 1"),
    });
  });

  test("CVE-2014-9357: a layer packed with xz starts no program", async () => {
    using remote = new Remote({ env });
    const repository = await remote.repository({ domain: host, path: "xz" });
    const packed = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), randomBytes(100)]);
    const config = encodeConfig({ ...hostPlatform(), rootfs: { type: "layers", diff_ids: [sha256(tar)] } });
    for (const bytes of [packed, config])
      await repository.uploadBlob(
        { digest: sha256(bytes), size: bytes.length },
        { open: (start, end) => [bytes.subarray(start, end)] },
      );
    const raw = encodeManifest({
      ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
      config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
      layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: sha256(packed), size: packed.length }],
    });
    await repository.putManifest("1", { raw, mediaType: mediaTypes.ociManifest });
    using engine = openEngine();
    expect(await engine.pull({ env, reference: `${host}/xz:1` }).catch((error) => error.code)).toBe(
      "MEDIA_TYPE_UNSUPPORTED",
    );
  });

  test("a mirror that has no such image is passed over", async () => {
    using engine = openEngine();
    const empty = await Registry.start();
    try {
      const conf = join(home, "mirrors.conf");
      await Bun.write(
        conf,
        `[[registry]]\nlocation = "${host}"\n[[registry.mirror]]\nlocation = "${new URL(empty.url).host}"\n`,
      );
      const warnings: string[] = [];
      const emit = (event: StrakeEvent) => void (event.type === "warning" && warnings.push(event.code));
      const { image } = await engine.pull({
        env: { ...env, CONTAINERS_REGISTRIES_CONF: conf },
        reference: `${host}/app:1`,
        emit,
      });
      expect([image.diffIDs, warnings]).toEqual([[sha256(tar)], ["REGISTRY_NOT_FOUND"]]);
    } finally {
      await empty.stop();
    }
  });

  test("what is pushed is one gzip member that any program unpacks", async () => {
    const found = await inspectManifest(`${host}/app:1`, { env });
    const layers = found.kind === "manifest" ? found.value.layers : [];
    const packed = Buffer.from(
      await (await fetch(`http://${host}/v2/app/blobs/${layers[0]!.digest}`)).arrayBuffer(),
    );
    expect(createHash("sha256").update(gunzipSync(packed)).digest("hex")).toBe(sha256(tar).slice(7));
    const gzip = Bun.spawnSync(["gzip", "-t"], { stdin: packed });
    expect([gzip.exitCode, gzip.stderr.toString()]).toEqual([0, ""]);
  });
});
