import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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
  while (!left().some((name) => !before.includes(name) && hasHalf(name))) await Bun.sleep(20);
  isStalled = false;
  return child;
}
/** Whether bytes of the layer are on the disk, in a file or folder of this name. */
function hasHalf(name: string): boolean {
  const path = join(strake.home, "out", name);
  const files = statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(path, { recursive: true, encoding: "utf8" }).map((each) => join(path, each))
    : [path];
  return files.some((file) => Bun.file(file).size > 100_000);
}

test("what a killed copy to an oci-archive left is the next one's to that file; others leave it, and a living one's, alone", async () => {
  const out = (name: string) => `oci-archive:${join(strake.home, "out", name)}`;
  const dead = await hanging(out("dead.tar"));
  dead.kill("SIGKILL");
  await dead.exited;
  expect(left()).toEqual([expect.stringMatching(/^\.strake-part-[0-9a-f]{64}$/)]);
  const [remains] = left();

  const living = await hanging(out("living.tar"));
  const [its] = left().filter((name) => name !== remains);
  const copied = async (place: string) => (await strake.run(["copy", source(), place])).code;
  expect(await copied(out("whole.tar"))).toBe(0);
  expect(await copied(out("living.tar"))).toBe(0);
  expect(left()).toEqual([remains!, its!, "living.tar", "whole.tar"].sort());
  living.kill("SIGKILL");
  await living.exited;

  expect(await copied(out("dead.tar"))).toBe(0);
  const long = Date.now() / 1000 - 8 * 24 * 3600;
  utimesSync(join(strake.home, "out", its!), long, long);
  expect(await copied(`docker-archive:${join(strake.home, "out/docker.tar")}`)).toBe(0);
  expect(left()).toEqual(["dead.tar", "docker.tar", "living.tar", "whole.tar"]);
  const [whole, again] = ["whole.tar", "dead.tar"].map((name) =>
    readFileSync(join(strake.home, "out", name)),
  );
  expect(again!.equals(whole!)).toBe(true);
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
