import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { mediaTypes, sha256 } from "../../src/oci/index.ts";
import { meddler, putManifest } from "../../src/registry/server/proxy/upstream.test-support.ts";
import { containerd, ctr, startContainerd } from "../clients/containerd-daemon.ts";
import { findClient } from "../clients/shop.ts";
import { tarOf } from "../support/archives.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "../support/docker-registry.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";
import { makeStrake } from "../support/strake.ts";

/** `strake registry serve --proxy` before Debian's docker-registry, and the programs of others before it. */
const obstacle = dockerRegistryObstacle();
if (obstacle) console.log(`the cache before docker-registry is not tested: ${obstacle}`);
const [skopeo, crane, podman] = ["skopeo", "crane", "podman"].map((name) => findClient(name));
const folder = mkdtempSync(join(tmpdir(), "strake-cache-"));
let origin: Awaited<ReturnType<typeof startDockerRegistry>>;
let wire: Awaited<ReturnType<typeof meddler>>;
let server: ServedRegistry;
/** host:port of the cache. */
let cache = "";
const layers = new Map<string, string>();

beforeAll(async () => {
  if (obstacle) return;
  origin = await startDockerRegistry();
  wire = await meddler(`http://${origin.host}`);
  await pushIndex(`http://${origin.host}`, "library/app", "v1");
  server = await serveRegistry([
    ...["--listen", "127.0.0.1:0", "--storage", join(folder, "data")],
    ...["--proxy", `hub=${wire.url}`],
  ]);
  cache = server.host;
});
afterAll(async () => {
  if (!obstacle) {
    await server.kill("SIGTERM");
    wire[Symbol.dispose]();
    await origin.stop();
  }
  rmSync(folder, { recursive: true, force: true });
});

/** An index of an image for each of two platforms. */
async function pushIndex(base: string, repository: string, tag: string): Promise<void> {
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const tar = await tarOf([["platform", architecture]]);
    const layer = gzipSync(tar);
    const rootfs = { type: "layers", diff_ids: [sha256(tar)] };
    const config = Buffer.from(JSON.stringify({ architecture, os: "linux", config: {}, rootfs }));
    for (const blob of [layer, config]) {
      const begun = await fetch(`${base}/v2/${repository}/blobs/uploads/`, { method: "POST" });
      const location = new URL(begun.headers.get("location")!, base);
      location.searchParams.set("digest", sha256(blob));
      expect((await fetch(location, { method: "PUT", body: blob })).status).toBe(201);
    }
    layers.set(architecture, sha256(layer));
    const described = (mediaType: string, blob: Buffer) => ({
      ...{ mediaType, digest: sha256(blob), size: blob.length },
    });
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
      config: described(mediaTypes.ociConfig, config),
      layers: [described("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
    });
    const digest = sha256(Buffer.from(body));
    await putManifest(base, repository, digest, { body, mediaType: mediaTypes.ociManifest });
    const platform = { os: "linux", architecture };
    manifests.push({ mediaType: mediaTypes.ociManifest, digest, size: body.length, platform });
  }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  await putManifest(base, repository, tag, { body, mediaType: mediaTypes.ociIndex });
}

async function run(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${err}`);
  return out.trim();
}

/** What came from the upstream for it, without the pings. */
function since(mark: number): string[] {
  return wire.seen.slice(mark).filter((line) => !line.endsWith("/v2/"));
}

test.skipIf(obstacle !== undefined || !skopeo)(
  "skopeo takes one platform, and only that one comes from the upstream",
  async () => {
    const mark = wire.seen.length;
    const pull = (architecture: string) =>
      run([
        ...[skopeo!, "copy", "--override-arch", architecture, "--src-tls-verify=false"],
        ...[`docker://${cache}/hub/library/app:v1`, `oci:${join(folder, architecture)}:v1`],
      ]);
    await pull("amd64");
    const first = since(mark);
    expect(first.filter((line) => line.includes("/manifests/"))).toHaveLength(2);
    expect(first.filter((line) => line.includes("/blobs/"))).toHaveLength(2);
    expect(first.join()).toContain(layers.get("amd64")!);
    expect(first.join()).not.toContain(layers.get("arm64")!);
    await pull("amd64");
    expect(since(mark)).toEqual(first);
    await pull("arm64");
    expect(since(mark).join()).toContain(layers.get("arm64")!);
  },
);

test.skipIf(obstacle !== undefined || !crane)(
  "crane reads all of it, lists the upstream's tags, and may not push",
  async () => {
    const image = `${cache}/hub/library/app`;
    await run([crane!, "validate", "--remote", `${image}:v1`, "--insecure"]);
    expect(await run([crane!, "ls", image, "--insecure"])).toBe("v1");
    const pushed = run([crane!, "copy", `${image}:v1`, `${image}:v2`, "--insecure"]);
    await expect(pushed).rejects.toThrow("is a cache of another registry");
    await run([crane!, "copy", `${image}:v1`, `${cache}/mine/app:v1`, "--insecure"]);
  },
);

test.skipIf(obstacle !== undefined || !podman)("podman pulls", async () => {
  const options = [
    ...["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")],
    ...["--storage-driver", "vfs"],
  ];
  await run([podman!, ...options, "pull", "-q", "--tls-verify=false", `${cache}/hub/library/app:v1`]);
  expect(await run([podman!, ...options, "images", "-q"])).not.toBe("");
  await run([podman!, ...options, "rmi", "-a", "-f"]);
});

test.skipIf(obstacle !== undefined)(
  "our own client pulls through it as a mirror, with the upstream gone",
  async () => {
    const conf = join(folder, "registries.conf");
    const mirror = `[[registry.mirror]]\nlocation = "${cache}/hub"\ninsecure = true\n`;
    writeFileSync(
      conf,
      `[[registry]]\nprefix = "registry.invalid"\nlocation = "registry.invalid"\n${mirror}`,
    );
    const client = makeStrake();
    try {
      const env = { CONTAINERS_REGISTRIES_CONF: conf };
      const pull = async () => {
        const { code, stderr } = await client.run(["pull", "registry.invalid/library/app:v1"], { env });
        return code === 0 ? "pulled" : stderr;
      };
      expect(await pull()).toBe("pulled");
      await client.ok("rmi", "registry.invalid/library/app:v1");
      wire.state.meddle = (_, response) => {
        response.destroy();
        return true;
      };
      expect(await pull()).toBe("pulled");
    } finally {
      wire.state.meddle = () => false;
      await client.remove();
    }
  },
);

const hasContainerd = containerd !== undefined && ctr !== undefined;
test.skipIf(obstacle !== undefined || !hasContainerd)(
  "containerd, which says whose image it wants with ns=",
  async () => {
    await using daemon = await startContainerd(folder);
    const certs = join(folder, "certs.d");
    const { host } = new URL(wire.url);
    mkdirSync(join(certs, host), { recursive: true });
    const hostsFile = `[host."http://${cache}"]\n  capabilities = ["pull", "resolve"]\n`;
    writeFileSync(join(certs, host, "hosts.toml"), hostsFile);
    const mark = wire.seen.length;
    await run([
      ...[...daemon.ctr, "content", "fetch", "--plain-http", "--platform", "linux/arm64"],
      ...["--hosts-dir", certs, `${host}/library/app:v1`],
    ]);
    expect(await run([...daemon.ctr, "content", "ls", "-q"])).toContain(layers.get("arm64")!);
    // The cache held it already: nothing was asked of the upstream but whether the tag moved, if that.
    expect(since(mark).filter((line) => line.startsWith("GET"))).toEqual([]);
  },
);
