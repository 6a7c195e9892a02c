import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mediaTypes } from "../../src/oci/index.ts";
import { type LayeredImage, makeLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

/** `strake copy` to archives, killed in the middle of a layer that does not come: what is left, and who takes it away. */
let image: LayeredImage;
let server: ReturnType<typeof Bun.serve>;
let strake: Strake;
let isStalled = false;

beforeAll(async () => {
  image = await makeLayeredImage([300_000]);
  server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0 },
    fetch({ url }) {
      const { pathname } = new URL(url);
      if (pathname.includes("/manifests/"))
        return new Response(image.manifest, { headers: { "content-type": mediaTypes.ociManifest } });
      const digest = pathname.split("/").at(-1)!;
      const blob = [...image.blobs].find(([each]) => each === digest)?.[1];
      if (blob === undefined) return new Response("{}", { status: pathname === "/v2/" ? 200 : 404 });
      if (!isStalled || digest !== image.layers[0]) return new Response(blob);
      const half = blob.subarray(0, blob.length >> 1);
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(half),
        pull: () => new Promise(() => {}),
      });
      return new Response(body, { headers: { "content-length": String(blob.length) } });
    },
  });
});
afterAll(() => server.stop(true));
beforeEach(() => {
  strake = makeStrake();
  mkdirSync(join(strake.home, "out"));
});
afterEach(() => strake.remove());

const left = () => readdirSync(join(strake.home, "out")).sort();
const source = () => `127.0.0.1:${server.port}/app:1`;

/** A copy that hangs in the layer. */
async function hanging(target: string) {
  const before = left();
  isStalled = true;
  const child = strake.spawn(["copy", source(), target]);
  while (left().every((name) => before.includes(name)) || !hasHalf()) await Bun.sleep(20);
  isStalled = false;
  return child;
}
/** Whether bytes of the layer are on the disk. */
function hasHalf(): boolean {
  const all = readdirSync(join(strake.home, "out"), { recursive: true, withFileTypes: true });
  return all.some((file) => file.isFile() && Bun.file(join(file.parentPath, file.name)).size > 100_000);
}

test("what a killed copy to an oci-archive left goes with the next copy to that folder, and a living one's stays", async () => {
  const out = (name: string) => `oci-archive:${join(strake.home, "out", name)}`;
  const dead = await hanging(out("dead.tar"));
  dead.kill("SIGKILL");
  await dead.exited;
  expect(left()).toEqual([expect.stringMatching(/^\.strake-tmp-[0-9a-f]{16}$/)]);
  const [remains] = left();

  const living = await hanging(out("living.tar"));
  expect(left()).not.toContain(remains!);
  const [its] = left();
  expect((await strake.run(["copy", source(), out("whole.tar")])).code).toBe(0);
  expect(left()).toEqual([its!, "whole.tar"]);
  living.kill("SIGKILL");
  await living.exited;

  expect(
    (await strake.run(["copy", source(), `docker-archive:${join(strake.home, "out/docker.tar")}`])).code,
  ).toBe(0);
  expect(left()).toEqual(["docker.tar", "whole.tar"]);
}, 60_000);

test("into an oci: folder too", async () => {
  const layout = `oci:${join(strake.home, "out")}:1`;
  const dead = await hanging(layout);
  dead.kill("SIGKILL");
  await dead.exited;
  expect(left().filter((name) => name.startsWith(".strake-tmp-")).length).toBeGreaterThan(0);
  expect((await strake.run(["copy", source(), layout])).code).toBe(0);
  expect(left()).toEqual(["blobs", "index.json", "oci-layout"]);
}, 60_000);

test("save -o goes where a link leads, and into a device", async () => {
  expect((await strake.run(["copy", source(), "strake:app:1"])).code).toBe(0);
  const at = (name: string) => join(strake.home, "out", name);
  writeFileSync(at("real.tar"), "old");
  symlinkSync("real.tar", at("link.tar"));
  const saved = await strake.run(["save", "-o", at("link.tar"), "app:1"]);
  expect([saved.code, left()]).toEqual([0, ["link.tar", "real.tar"]]);
  expect(readFileSync(at("real.tar")).length).toBeGreaterThan(300_000);
  const fifo = at("fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const reader = Bun.spawn(["wc", "-c", fifo], { stdout: "pipe" });
  expect((await strake.run(["save", "-o", fifo, "app:1"])).code).toBe(0);
  expect(Number((await new Response(reader.stdout).text()).split(" ")[0])).toBeGreaterThan(300_000);
  expect((await strake.run(["save", "-o", at("."), "app:1"])).stderr).toContain("is a folder");
}, 60_000);
