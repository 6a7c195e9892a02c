import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { mediaTypes, sha256 } from "../../src/oci/index.ts";
import { meddler, putManifest } from "../../src/registry/server/proxy/upstream.test-support.ts";
import { tarOf } from "../support/archives.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "../support/docker-registry.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

/** `strake registry serve --proxy` before Debian's docker-registry, and the programs of others before it. */
const obstacle = dockerRegistryObstacle();
if (obstacle) console.log(`the cache before docker-registry is not tested: ${obstacle}`);
const folder = mkdtempSync(join(tmpdir(), "strake-cache-"));
let origin: Awaited<ReturnType<typeof startDockerRegistry>>;
let wire: Awaited<ReturnType<typeof meddler>>;
let strake: Strake;
let server: ReturnType<typeof Bun.spawn>;
/** host:port of the cache. */
let cache = "";
const layers = new Map<string, string>();

beforeAll(async () => {
  if (obstacle) return;
  origin = await startDockerRegistry();
  wire = await meddler(`http://${origin.host}`);
  await pushIndex(`http://${origin.host}`, "library/app", "v1");
  strake = makeStrake();
  server = strake.spawn([
    ...["registry", "serve", "--listen", "127.0.0.1:0", "--storage", join(folder, "data")],
    ...["--proxy", `hub=${wire.url}`],
  ]);
  for await (const chunk of server.stderr as ReadableStream<Uint8Array>) {
    cache = /serving http:\/\/([^/]+)\//.exec(new TextDecoder().decode(chunk))?.[1] ?? "";
    if (cache !== "") break;
  }
});
afterAll(async () => {
  if (!obstacle) {
    server.kill("SIGTERM");
    await server.exited;
    await strake.remove();
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

function find(name: string): string | undefined {
  const places = [join(homedir(), ".cache", "strake", "clients", name), `/tmp/gotools/bin/${name}`];
  const path = Bun.which(name) ?? places.find(existsSync);
  if (!path) console.log(`${name} through our cache is not tested: it is not installed`);
  return path;
}

/** What came from the upstream for it, without the pings. */
function since(mark: number): string[] {
  return wire.seen.slice(mark).filter((line) => !line.endsWith("/v2/"));
}

test.skipIf(obstacle !== undefined)(
  "skopeo takes one platform, and only that one comes from the upstream",
  async () => {
    const skopeo = find("skopeo");
    if (!skopeo) return;
    const mark = wire.seen.length;
    const pull = (architecture: string) =>
      run([
        ...[skopeo, "copy", "--override-arch", architecture, "--src-tls-verify=false"],
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

test.skipIf(obstacle !== undefined)(
  "crane reads all of it, lists the upstream's tags, and may not push",
  async () => {
    const crane = find("crane");
    if (!crane) return;
    const image = `${cache}/hub/library/app`;
    await run([crane, "validate", "--remote", `${image}:v1`, "--insecure"]);
    expect(await run([crane, "ls", image, "--insecure"])).toBe("v1");
    const pushed = run([crane, "copy", `${image}:v1`, `${image}:v2`, "--insecure"]);
    await expect(pushed).rejects.toThrow("is a cache of another registry");
    await run([crane, "copy", `${image}:v1`, `${cache}/mine/app:v1`, "--insecure"]);
  },
);

test.skipIf(obstacle !== undefined)("podman pulls", async () => {
  const podman = find("podman");
  if (!podman) return;
  const options = [
    ...["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")],
    ...["--storage-driver", "vfs"],
  ];
  await run([podman, ...options, "pull", "-q", "--tls-verify=false", `${cache}/hub/library/app:v1`]);
  expect(await run([podman, ...options, "images", "-q"])).not.toBe("");
  await run([podman, ...options, "rmi", "-a", "-f"]);
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

test.skipIf(obstacle !== undefined)("containerd, which says whose image it wants with ns=", async () => {
  const containerd = find("containerd");
  const ctr = find("ctr");
  if (!containerd || !ctr || process.getuid?.() !== 0) return;
  const base = join(folder, "containerd");
  const socket = join(base, "socket");
  const hosts = join(base, "certs.d", new URL(wire.url).host);
  mkdirSync(hosts, { recursive: true });
  const hostsFile = `[host."http://${cache}"]\n  capabilities = ["pull", "resolve"]\n`;
  writeFileSync(join(hosts, "hosts.toml"), hostsFile);
  const config = `version = 2\nroot = "${base}/root"\nstate = "${base}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "${socket}"\n[ttrpc]\n  address = "${socket}.ttrpc"\n`;
  writeFileSync(join(base, "config.toml"), config);
  const daemon = Bun.spawn([containerd, "-c", join(base, "config.toml")], {
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    for (let i = 0; i < 1200 && !existsSync(socket); i++) await Bun.sleep(25);
    const image = `${new URL(wire.url).host}/library/app:v1`;
    const mark = wire.seen.length;
    await run([
      ...[ctr, "-a", socket, "content", "fetch", "--plain-http", "--platform", "linux/arm64"],
      ...["--hosts-dir", join(base, "certs.d"), image],
    ]);
    expect(await run([ctr, "-a", socket, "content", "ls", "-q"])).toContain(layers.get("arm64")!);
    // The cache held it already: nothing was asked of the upstream but whether the tag moved, if that.
    expect(since(mark).filter((line) => line.startsWith("GET"))).toEqual([]);
  } finally {
    daemon.kill();
    await daemon.exited;
  }
});
