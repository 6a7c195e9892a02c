import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { FileStore, Registry } from "../../src/registry/server/index.ts";

/** The programs of others push to, pull from, list and delete on our registry. Those that are not installed are skipped. */
const folder = mkdtempSync(join(tmpdir(), "strake-clients-"));
let registry: Registry;
beforeAll(async () => {
  makeLayout(join(folder, "image"));
  registry = await Registry.start({ storage: await FileStore.open(join(folder, "registry")) });
});
afterAll(async () => {
  await registry.stop({ grace: 100 });
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** An OCI layout of one image with one layer. */
function makeLayout(at: string): void {
  const blobs = join(at, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const add = (bytes: Uint8Array | string, mediaType: string) => {
    writeFileSync(join(blobs, sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: Buffer.byteLength(bytes) };
  };
  writeFileSync(join(at, "file"), "content\n");
  const layer = Bun.spawnSync(["tar", "-C", at, "-cf", "-", "file"]).stdout;
  rmSync(join(at, "file"));
  const rootfs = { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] };
  const config = JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: add(config, "application/vnd.oci.image.config.v1+json"),
    layers: [add(gzipSync(layer), "application/vnd.oci.image.layer.v1.tar+gzip")],
  });
  const entry = add(manifest, "application/vnd.oci.image.manifest.v1+json");
  const named = { ...entry, annotations: { "org.opencontainers.image.ref.name": "v1" } };
  writeFileSync(join(at, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(at, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
}

const manifestDigest = () =>
  (
    JSON.parse(readFileSync(join(folder, "image", "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    }
  ).manifests[0]!.digest;

/** Runs a program to its end; fails with what it said. */
async function run(command: string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${err}`);
  return out.trim();
}

/** A program on the path or in the folders where Go and our scripts put theirs. */
function find(name: string): string | undefined {
  const cache = process.env.STRAKE_CACHE ?? join(homedir(), ".cache", "strake");
  const places = [join(cache, "clients", name), join(homedir(), "go", "bin", name)];
  const path = Bun.which(name) ?? places.find(existsSync);
  if (!path) console.log(`${name} against our registry is not tested: it is not installed`);
  return path;
}

const skopeo = find("skopeo");
describe.skipIf(!skopeo)("skopeo", () => {
  const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];

  test("push, inspect, list, copy between repositories, pull, delete", async () => {
    const image = `docker://${registry.host}/skopeo/app:v1`;
    await run([skopeo!, "copy", "--dest-tls-verify=false", `oci:${join(folder, "image")}:v1`, image]);
    const facts = JSON.parse(await run([skopeo!, "inspect", "--tls-verify=false", image])) as {
      Digest: string;
    };
    expect(facts.Digest).toBe(manifestDigest());
    await run([skopeo!, "copy", ...insecure, image, `docker://${registry.host}/skopeo/copy:v2`]);
    const tags = await run([
      skopeo!,
      "list-tags",
      "--tls-verify=false",
      `docker://${registry.host}/skopeo/copy`,
    ]);
    expect(JSON.parse(tags)).toMatchObject({ Tags: ["v2"] });
    const back = join(folder, "back");
    const copy = `docker://${registry.host}/skopeo/copy:v2`;
    await run([skopeo!, "copy", "--src-tls-verify=false", copy, `oci:${back}:v2`]);
    const blobs = (at: string) => readdirSync(join(at, "blobs", "sha256")).sort();
    expect(blobs(back)).toEqual(blobs(join(folder, "image")));
    await run([skopeo!, "delete", "--tls-verify=false", copy]);
    await expect(run([skopeo!, "inspect", "--tls-verify=false", copy])).rejects.toThrow();
  });

  test("a Docker schema 2 manifest is converted by the client and kept by us", async () => {
    const image = `docker://${registry.host}/skopeo/schema2:v1`;
    const source = `oci:${join(folder, "image")}:v1`;
    await run([skopeo!, "copy", "--format", "v2s2", "--dest-tls-verify=false", source, image]);
    const raw = await run([skopeo!, "inspect", "--raw", "--tls-verify=false", image]);
    expect(JSON.parse(raw)).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    });
  });
});

const crane = find("crane");
describe.skipIf(!crane)("crane", () => {
  test("push, digest, list, catalog, copy, pull, tag, delete", async () => {
    const image = `${registry.host}/crane/app`;
    await run([crane!, "push", join(folder, "image"), `${image}:v1`, "--insecure"]);
    // A layout is an index: what it holds is what is asked for.
    expect(await run([crane!, "digest", `${image}@${manifestDigest()}`, "--insecure"])).toBe(
      manifestDigest(),
    );
    await run([crane!, "tag", `${image}:v1`, "v2", "--insecure"]);
    expect((await run([crane!, "ls", image, "--insecure"])).split("\n")).toEqual(["v1", "v2"]);
    expect((await run([crane!, "catalog", registry.host, "--insecure"])).split("\n")).toContain("crane/app");
    await run([crane!, "copy", `${image}:v1`, `${registry.host}/crane/copy:v1`, "--insecure"]);
    await run([crane!, "validate", "--remote", `${registry.host}/crane/copy:v1`, "--insecure"]);
    await run([crane!, "delete", `${image}:v2`, "--insecure"]);
    expect(await run([crane!, "ls", image, "--insecure"])).toBe("v1");
  });
});

for (const name of ["podman", "buildah"]) {
  const program = process.getuid?.() === 0 ? find(name) : undefined;
  describe.skipIf(!program)(name, () => {
    test("pull, push under another name", async () => {
      const place = join(folder, name);
      const own = ["--root", join(place, "root"), "--runroot", join(place, "run"), "--storage-driver", "vfs"];
      const url = `${registry.url}v2/${name}`;
      await pushLayout(`${url}/app`);
      const image = `${registry.host}/${name}/app:v1`;
      const id = await run([program!, ...own, "pull", "--quiet", "--tls-verify=false", image]);
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      await run([program!, ...own, "tag", image, `${registry.host}/${name}/other:v2`]);
      await run([
        program!,
        ...own,
        "push",
        "--quiet",
        "--tls-verify=false",
        `${registry.host}/${name}/other:v2`,
      ]);
      expect(await (await fetch(`${url}/other/tags/list`)).json()).toMatchObject({ tags: ["v2"] });
    });
  });
}

/** The image put into a repository by ourselves. */
async function pushLayout(url: string): Promise<void> {
  const blobs = join(folder, "image", "blobs", "sha256");
  const manifest = manifestDigest().slice("sha256:".length);
  for (const hex of readdirSync(blobs).filter((hex) => hex !== manifest)) {
    const body = readFileSync(join(blobs, hex));
    expect((await fetch(`${url}/blobs/uploads/?digest=sha256:${hex}`, { method: "POST", body })).status).toBe(
      201,
    );
  }
  const headers = { "Content-Type": "application/vnd.oci.image.manifest.v1+json" };
  const body = readFileSync(join(blobs, manifest));
  expect((await fetch(`${url}/manifests/v1`, { method: "PUT", body, headers })).status).toBe(201);
}
