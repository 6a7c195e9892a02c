import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore, Registry } from "../index.ts";
import { digestOf, type Meddle, meddler, pushImage } from "./upstream.test-support.ts";

/** Downloads of the cache that were cut short, by the end of its process or by the upstream's, go on where they were. */
const base = mkdtempSync(join(tmpdir(), "strake-registry-resume-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const layer = randomBytes(8_000_000);
const half = layer.length / 2;
const digest = digestOf(layer);

/** An upstream that sends half of the layer and no more until `isOpen`, and what a cache before it is started with. */
async function shop() {
  const upstream = await Registry.start();
  const wire = await meddler(upstream.url.href);
  await pushImage(upstream.url, "app", "v1", { layer });
  await pushImage(upstream.url, "other", "v1");
  const ranges: (string | undefined)[] = [];
  const state: { isOpen: boolean; meddle: Meddle } = { isOpen: false, meddle: () => false };
  wire.state.meddle = (request, response) => {
    if (request.method !== "GET" || !request.url!.endsWith(digest)) return false;
    ranges.push(request.headers.range);
    if (state.isOpen) return state.meddle(request, response);
    response.writeHead(200, { "Content-Length": String(layer.length) });
    response.write(layer.subarray(0, half));
    return true;
  };
  const folder = mkdtempSync(join(base, "data-"));
  const proxy = ["hub", "mirror"].map((prefix) => ({ prefix, upstream: wire.url }));
  return {
    ...{ wire, ranges, state, folder, proxy },
    start: async () => Registry.start({ storage: await FileStore.open(folder), proxy }),
    uploads: () => readdirSync(join(folder, "uploads")).filter((name) => name.endsWith(".data")),
    /** A blob has been read when its bytes are right; it is stored a moment later. */
    async settled() {
      while (this.uploads().length > 0) await Bun.sleep(10);
    },
    async [Symbol.asyncDispose]() {
      wire[Symbol.dispose]();
      await upstream.stop({ grace: 0 });
    },
  };
}
type Shop = Awaited<ReturnType<typeof shop>>;

const blob = (url: string | URL, prefix = "hub") => fetch(new URL(`/v2/${prefix}/app/blobs/${digest}`, url));

/** Reads what there is. */
async function readHalf(url: string | URL): Promise<void> {
  const reader = (await blob(url)).body!.getReader();
  for (let seen = 0; seen < half - 1; ) seen += (await reader.read()).value!.byteLength;
  reader.cancel().catch(() => {});
}

/** Leaves half of the layer behind, with the process that fetched it. */
async function killedAtHalf({ folder, proxy, state }: Shop): Promise<void> {
  const program = `
    import { FileStore, Registry } from ${JSON.stringify(join(import.meta.dir, "..", "index.ts"))};
    const storage = await FileStore.open(${JSON.stringify(folder)});
    const registry = await Registry.start({ storage, proxy: ${JSON.stringify(proxy)} });
    console.log(registry.url.href);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  const url = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
  await readHalf(url);
  child.kill("SIGKILL");
  await child.exited;
  state.isOpen = true;
}

const whole = async (response: Response) => Buffer.from(await response.arrayBuffer()).equals(layer);

test("after kill -9 the upstream is asked for the rest; nothing stays", async () => {
  await using place = await shop();
  await killedAtHalf(place);
  await using cache = await place.start();
  expect(await whole(await blob(cache.url))).toBe(true);
  expect(place.ranges).toEqual([undefined, `bytes=${half}-`]);
  // What is served now is the stored one.
  expect(await whole(await blob(cache.url))).toBe(true);
  expect(place.ranges.length).toBe(2);
  await place.settled();
  expect(await cache.scrub()).toMatchObject({ damaged: [] });
});

test("after a stop too, and for ranges that are asked for meanwhile", async () => {
  await using place = await shop();
  {
    await using cache = await place.start();
    await readHalf(cache.url);
    await cache.stop({ grace: 0 });
  }
  place.state.isOpen = true;
  await using cache = await place.start();
  const parts = [
    [10, 20],
    [half - 5, half + 5],
    [layer.length - 5, layer.length],
  ] as const;
  const answers = parts.map(async ([start, end]) => {
    const headers = { Range: `bytes=${start}-${end - 1}` };
    const part = await fetch(new URL(`/v2/hub/app/blobs/${digest}`, cache.url), { headers });
    return Buffer.from(await part.arrayBuffer()).equals(layer.subarray(start, end));
  });
  expect(await Promise.all(answers)).toEqual([true, true, true]);
  expect(place.ranges).toEqual([undefined, `bytes=${half}-`]);
});

test("an upstream that broke off and had it no more is asked for the rest when it is back", async () => {
  await using place = await shop();
  await using cache = await place.start();
  place.state.meddle = (_, response) => {
    response.writeHead(404).end();
    return true;
  };
  const dying = await blob(cache.url);
  place.state.isOpen = true;
  place.wire.cut();
  await expect(dying.arrayBuffer()).rejects.toThrow();
  place.state.meddle = () => false;
  const seen = place.ranges.length;
  expect(await whole(await blob(cache.url))).toBe(true);
  expect(place.ranges.slice(seen)).toEqual([`bytes=${half}-`]);
});

test("what was damaged meanwhile is never served whole, and fetched anew by the next", async () => {
  await using place = await shop();
  await killedAtHalf(place);
  const path = join(place.folder, "uploads", place.uploads()[0]!);
  const bytes = readFileSync(path);
  bytes[1_000_000]! ^= 1;
  writeFileSync(path, bytes);
  await using cache = await place.start();
  await expect(blob(cache.url).then((response) => response.arrayBuffer())).rejects.toThrow();
  expect(place.uploads()).toEqual([]);
  expect(await whole(await blob(cache.url))).toBe(true);
  expect(place.ranges).toEqual([undefined, `bytes=${half}-`, undefined]);
});

test("an upstream without ranges sends all, of which what is here is passed over", async () => {
  await using place = await shop();
  await killedAtHalf(place);
  place.state.meddle = (_, response) => {
    response.writeHead(200, { "Content-Length": String(layer.length) }).end(layer);
    return true;
  };
  await using cache = await place.start();
  expect(await whole(await blob(cache.url))).toBe(true);
  expect(place.ranges.length).toBe(2);
  await place.settled();
});

test("what came from one upstream is not given out at another's word", async () => {
  await using place = await shop();
  await killedAtHalf(place);
  await using cache = await place.start();
  expect(await whole(await blob(cache.url, "mirror"))).toBe(true);
  expect(place.ranges).toEqual([undefined, undefined]);
});

test("what nobody asks for again is given up by the collection", async () => {
  await using place = await shop();
  await killedAtHalf(place);
  await using cache = await place.start();
  expect(place.uploads()).toHaveLength(1);
  expect(await cache.collect({ uploads: 0 })).toMatchObject({ uploads: 1 });
  expect(place.uploads()).toEqual([]);
  expect(await whole(await blob(cache.url))).toBe(true);
});
