import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { humanSize } from "../../src/cli/text/human.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";
import { onTerminal } from "../support/terminal.ts";

const secret = "hunter2-s3cret";
let registry: Registry;
let host: string;
let image: LayeredImage;
const machines: Strake[] = [];
beforeAll(async () => {
  registry = await Registry.start();
  host = new URL(registry.url).host;
  image = await makeLayeredImage([3 << 20, 2 << 20, 1 << 20]);
  await pushLayeredImage(image, host, "team/app");
});
afterAll(async () => {
  for (const machine of machines) await machine.remove();
  await registry.stop();
});

/** A machine whose user is logged in with the secret. */
function machine(): Strake {
  const made = makeStrake();
  delete made.env.NO_COLOR;
  made.env.TERM = "xterm";
  machines.push(made);
  return made;
}

const sizeOf = (index: number) => image.blobs.get(image.layers[index]!)!.byteLength;
const whole = () => sizeOf(0) + sizeOf(1) + sizeOf(2);
const short = (index: number) => image.layers[index]!.slice(7, 19);

/** The registry behind a gate: of each layer one half comes, and the other when the gate opens. */
function gated(): { host: string; open: () => void; stop: () => Promise<void> } {
  const gate = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const answer = await fetch(new URL(url.pathname + url.search, registry.url), {
        headers: request.headers,
      });
      if (!image.layers.some((digest) => url.pathname.endsWith(digest))) return answer;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const half = bytes.byteLength >> 1;
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(bytes.subarray(0, half));
          await gate.promise;
          controller.enqueue(bytes.subarray(half));
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-length": String(bytes.byteLength) } });
    },
  });
  return { host: `127.0.0.1:${server.port}`, open: gate.resolve, stop: () => server.stop(true) };
}

describe("on a terminal", () => {
  const size = { columns: 100, rows: 30 };

  /** What is drawn until the program ends; the gate opens when every layer has shown a bar. */
  async function drawn(env: Record<string, string> = {}): Promise<string> {
    const way = gated();
    const { program, env: own } = machine();
    try {
      const { code, shown } = await onTerminal([...program, "pull", `${way.host}/team/app:1`], {
        ...{ env: { ...own, ...env }, ...size },
        onShown(shown) {
          if ([0, 1, 2].every((layer) => new RegExp(`pull ${short(layer)} +\\[=+> +\\]`).test(shown)))
            way.open();
        },
      });
      expect(code).toBe(0);
      return shown;
    } finally {
      way.open();
      await way.stop();
    }
  }

  test("a bar and a speed for each layer, then what it was, and the totals last", async () => {
    const shown = await drawn();
    const plain = Bun.stripANSI(shown);
    // With bytes, all of them, and a speed.
    expect(plain).toMatch(
      new RegExp(`pull ${short(0)} +\\[=+> +\\] +[0-9.]+MB / ${humanSize(sizeOf(0))} +[0-9.]+[kM]B/s\r?\n`),
    );
    const last = plain.slice(plain.lastIndexOf("[+] "));
    for (const layer of [0, 1, 2])
      expect(last).toMatch(new RegExp(`✔ pull ${short(layer)} +[0-9.]+MB  [0-9.]+[kM]B/s  [0-9.]+s`));
    expect(last).toMatch(
      new RegExp(`\npulled 3 blobs, ${humanSize(whole())} in [0-9.]+s \\([0-9.]+[kM]B/s\\)\r?\n`),
    );
    expect(shown).toContain("\x1b[32m✔");
  });

  test("the result stands below what was drawn, which is not drawn again over it", async () => {
    const strake = machine();
    await strake.ok("manifest", "create", "list:1", `docker://${host}/team/app:1`);
    const { code, shown } = await onTerminal(
      [...strake.program, "manifest", "push", "list:1", `${host}/lists/app:1`],
      { env: strake.env, ...size },
    );
    expect(code).toBe(0);
    expect(shown).toMatch(
      /pushed nothing; mounted from team\/app: 4 blobs, [0-9.]+MB\r\nsha256:[0-9a-f]{64}\r\n$/,
    );
  });

  test("NO_COLOR: the same without colours", async () => {
    const shown = await drawn({ NO_COLOR: "1" });
    // Only the cursor moves.
    expect(shown.match(/\x1b\[[0-9;]*m/g)).toBeNull();
    expect(shown).toContain("pulled 3 blobs");
  });
});

test("plain lines: bytes, speed and why a layer was not fetched", async () => {
  const strake = machine();
  const first = await strake.run(["pull", "--progress", "plain", `${host}/team/app:1`]);
  expect(first.code).toBe(0);
  expect(first.stderr).toContain(`pull ${short(0)} ${humanSize(sizeOf(0))}\n`);
  expect(first.stderr).toMatch(
    new RegExp(`^#\\d DONE [0-9.]+s ${humanSize(sizeOf(0))} [0-9.]+[kMG]B/s$`, "m"),
  );
  expect(first.stderr).toMatch(
    new RegExp(`\npulled 3 blobs, ${humanSize(whole())} in [0-9.]+s \\([0-9.]+[kMG]B/s\\)\n$`),
  );
  const again = await strake.run(["pull", `${host}/team/app:1`]);
  expect(again.stderr).toContain(`CACHED already here ${humanSize(sizeOf(0))}\n`);
  expect(again.stderr).toEndWith(`\npulled nothing; already here: 3 blobs, ${humanSize(whole())}\n`);
  const quiet = await strake.run(["pull", "-q", `${host}/team/app:1`]);
  expect(quiet.stderr).toBe("");
});

describe("rawjson", () => {
  async function events(strake: Strake, ...args: string[]): Promise<StrakeEvent[]> {
    const { code, stderr } = await strake.run([...args, "--progress", "rawjson"]);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(stderr).not.toContain(secret);
    return stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as StrakeEvent);
  }
  const transfers = (all: readonly StrakeEvent[]) =>
    all.filter((event) => event.type === "step.started" && event.kind === "transfer");
  const done = (all: readonly StrakeEvent[]) => all.filter((event) => event.type === "step.done");
  const reasons = (all: readonly StrakeEvent[]) => [...new Set(done(all).map(({ reason }) => reason))];

  test("pull, push and copy say the same of what they move, and why they do not", async () => {
    const strake = machine();
    await strake.run(["login", "-u", "ann", "--password-stdin", host], { stdin: Buffer.from(secret) });
    const pulled = await events(strake, "pull", `${host}/team/app:1`);
    expect(transfers(pulled).map((event) => "total" in event && event.total)).toEqual([0, 1, 2].map(sizeOf));
    const bytes = whole();
    for (const each of done(pulled))
      expect(each).toMatchObject({
        outcome: "done",
        bytes: expect.any(Number),
        bytesPerSecond: expect.any(Number),
      });
    expect(pulled.filter(({ type }) => type === "step.progress")[0]).toMatchObject({
      ...{ unit: "bytes", current: expect.any(Number), total: expect.any(Number) },
      bytesPerSecond: expect.any(Number),
    });
    expect(pulled.at(-1)).toMatchObject({
      ...{ type: "transfer.done", verb: "pull", moved: { blobs: 3, bytes }, skipped: [] },
      ...{ ms: expect.any(Number), bytesPerSecond: expect.any(Number) },
    });

    const again = await events(strake, "push", `${host}/team/app:1`);
    expect(reasons(again)).toEqual(["already there"]);
    const config = image.blobs.get(image.id)!.byteLength;
    expect(again.at(-1)).toMatchObject({
      ...{ verb: "push", moved: { blobs: 0, bytes: 0 } },
      skipped: [{ reason: "already there", blobs: 4, bytes: bytes + config }],
    });
    expect(reasons(await events(strake, "push", `${host}/team/app:1`, `${host}/else/app:1`))).toEqual([
      "mounted from team/app",
    ]);

    const copied = await events(strake, "copy", `${host}/team/app:1`, `${host}/third/app:1`);
    expect(copied.at(-1)).toMatchObject({
      ...{ type: "transfer.done", verb: "copy" },
      skipped: [{ reason: "mounted from team/app", blobs: 4, bytes: bytes + config }],
    });
    await using other = await Registry.start();
    const moved = await events(strake, "copy", `${host}/team/app:1`, `${new URL(other.url).host}/a:1`);
    expect(moved.at(-1)).toMatchObject({ moved: { blobs: 4, bytes: bytes + config }, skipped: [] });
    for (const all of [pulled, again, copied, moved]) expect(transfers(all).length).toBeGreaterThan(0);
  });

  test("a layer that is packed while it is sent is one transfer, measured while it goes", async () => {
    const strake = machine();
    const { Engine } = await import("../../src/engine/index.ts");
    const { tarOf } = await import("../support/archives.ts");
    const tar = await tarOf([["data", crypto.getRandomValues(new Uint8Array(60_000)).toString().repeat(60)]]);
    const once = async function* () {
      yield tar;
    };
    using engine = Engine.open({ root: strake.env.STRAKE_ROOT!, runRoot: strake.env.STRAKE_RUNROOT! });
    await engine.import({ source: once(), tag: "big:1" });
    const pushed = await events(strake, "push", "big:1", `${host}/big:1`);
    const sent = transfers(pushed);
    expect(sent).toHaveLength(2);
    const layer = pushed.filter(
      (event) => "step" in event && event.step === (sent[0] as { step: string }).step,
    );
    expect(layer.filter(({ type }) => type === "step.progress").length).toBeGreaterThan(0);
    expect(layer.at(-1)).toMatchObject({ type: "step.done", outcome: "done" });
    const total = pushed.at(-1) as Extract<StrakeEvent, { type: "transfer.done" }>;
    const bytes = done(pushed)
      .filter(({ step }) => sent.some((each) => "step" in each && each.step === step))
      .reduce((sum, event) => sum + event.bytes!, 0);
    expect(total.moved).toEqual({ blobs: 2, bytes });
    // Packed: less than the tar.
    expect(bytes).toBeLessThan(tar.byteLength / 2);
  });
});
