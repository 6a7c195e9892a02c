import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/oci/index.ts";
import { mount, umount } from "../../src/sys/index.ts";
import { examine, type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const obstacle = process.getuid?.() === 0 ? undefined : "not root";
if (obstacle) console.log(`skipped: a full disk at the registry and at its client: ${obstacle}`);

const small = await makeLayeredImage([20_000, 300_000]);
const large = await makeLayeredImage([50_000, 1_500_000, 9_000_000]);
const clean = [0, expect.stringMatching(/ 0 leftovers\nclean\n$/)];

describe.skipIf(obstacle !== undefined)("a full disk", () => {
  let strake: Strake;
  let disk: string;
  const servers: ServedRegistry[] = [];

  beforeEach(() => {
    strake = makeStrake();
    disk = join(strake.home, "disk");
    mkdirSync(disk, { mode: 0o700 });
    mount({ source: "tmpfs", target: disk, type: "tmpfs", data: "size=9m,mode=700" });
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.kill();
    umount(disk);
    await strake.remove();
  });

  async function serve(storage: string, ...flags: string[]): Promise<ServedRegistry> {
    const server = await serveRegistry(["--storage", storage, "--listen", "127.0.0.1:0", ...flags]);
    servers.push(server);
    return server;
  }

  /** The image in strake's store, by way of a registry with room. */
  async function have(image: LayeredImage): Promise<void> {
    const { host } = await serve("memory");
    await pushLayeredImage(image, host, "source/app");
    await strake.ok("pull", "--quiet", `${host}/source/app:1`);
  }

  test("at the registry: the push is told so, the space is given back, what was there is served on", async () => {
    const { host } = await serve(join(disk, "registry"));
    await pushLayeredImage(small, host, "small/app");
    const before = statfsSync(disk).bfree;
    await have(large);
    for (const _ of [1, 2]) {
      const { code, stderr } = await strake.run(["push", "--quiet", large.id, `${host}/large/app:1`]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/no room .*507/)]);
      expect(stderr).toContain(host);
    }
    // Blobs that fitted stay for the next attempt; what did not is no longer in the way.
    const uploads = join(disk, "registry", "uploads");
    const begun = readdirSync(uploads).filter((name) => name.endsWith(".data"));
    // One whose beginning crossed with the others' failure nobody knows to end; it has no bytes.
    expect(begun.filter((name) => statSync(join(uploads, name)).size > 0)).toEqual([]);
    expect((before - statfsSync(disk).bfree) * statfsSync(disk).bsize).toBeLessThan(2_500_000);
    expect(await examine(small, host, "small/app")).toBe(small.blobs.size + 1);
    expect(await examine(large, host, "large/app")).toBeLessThan(large.blobs.size);
    const more = await makeLayeredImage([200_000]);
    await pushLayeredImage(more, host, "more/app");
    expect(await examine(more, host, "more/app")).toBe(more.blobs.size + 1);
  });

  test("at the registry, to the last block: it answers, deletes, and takes pushes again when there is room", async () => {
    const { host, url } = await serve(join(disk, "registry"), "--gc-grace", "200ms");
    await pushLayeredImage(small, host, "small/app");
    const filler = join(disk, "filler");
    try {
      writeFileSync(filler, Buffer.alloc(16 << 20));
    } catch {
      // Which is the point.
    }
    expect(statfsSync(disk).bfree).toBe(0);
    expect(await examine(small, host, "small/app")).toBe(small.blobs.size + 1);
    // Docker and containerd ask with HEAD first, which notes what is old as used; balancers send nobody where it is not ready.
    await Bun.sleep(150);
    for (const path of ["manifests/1", `blobs/${[...small.blobs.keys()][0]}`])
      expect((await fetch(`${url}v2/small/app/${path}`, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    const blob = randomBytes(100_000);
    const post = () =>
      fetch(`${url}v2/a/blobs/uploads/?digest=${sha256(blob)}`, { method: "POST", body: blob });
    const begun = await post();
    expect([begun.status, await begun.json()]).toMatchObject([507, { errors: [{ code: "UNAVAILABLE" }] }]);
    const type = "application/vnd.oci.image.manifest.v1+json";
    const put = () =>
      fetch(`${url}v2/small/app/manifests/2`, {
        method: "PUT",
        body: small.manifest,
        headers: { "Content-Type": type },
      });
    expect((await put()).status).toBe(507);
    expect(await (await fetch(`${url}v2/small/app/tags/list`)).json()).toMatchObject({ tags: ["1"] });
    const other = `${url}v2/small/app/manifests/${small.digest}`;
    expect((await fetch(other, { method: "DELETE" })).status).toBe(202);
    expect((await fetch(other)).status).toBe(404);
    rmSync(filler);
    expect([(await post()).status, (await put()).status]).toEqual([201, 201]);
    expect((await fetch(`${url}v2/small/app/manifests/2`, { method: "DELETE" })).status).toBe(202);
  });

  test("at the client: pull says so and leaves nothing half-made", async () => {
    const { host } = await serve("memory");
    for (const [image, path] of [
      [small, "small/app"],
      [large, "large/app"],
    ] as const)
      await pushLayeredImage(image, host, path);
    const env = { STRAKE_ROOT: join(disk, "root") };
    const { code, stderr } = await strake.run(["pull", "--quiet", `${host}/large/app:1`], { env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no space left|disk .* full/i)]);
    const verified = await strake.run(["gc", "--verify"], { env });
    expect([verified.code, verified.stdout]).toEqual(clean);
    expect((await strake.run(["images", "-q"], { env })).stdout).toBe("");
    const next = await strake.run(["pull", "--quiet", `${host}/small/app:1`], { env });
    expect([next.code, next.stderr]).toEqual([0, ""]);
  });

  test("at the client: push, which packs layers first, says so and leaves nothing half-made", async () => {
    const { host } = await serve("memory");
    const env = { STRAKE_ROOT: join(disk, "root") };
    const context = join(strake.home, "context");
    mkdirSync(context);
    writeFileSync(join(context, "file"), randomBytes(5_000_000));
    const built = await strake.run(["build", "-t", "app", "-f", "-", context], {
      env,
      stdin: Buffer.from("FROM scratch\nCOPY file /\n"),
    });
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("built sha256:")]);
    const { code, stderr } = await strake.run(["push", "--quiet", "app", `${host}/app:1`], { env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no space left|disk .* full/i)]);
    const verified = await strake.run(["gc", "--verify"], { env });
    expect([verified.code, verified.stdout]).toEqual(clean);
    expect((await fetch(`http://${host}/v2/app/tags/list`)).status).toBe(404);
  });
});
