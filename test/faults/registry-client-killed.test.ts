import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../src/oci/index.ts";
import { FileStore, Registry } from "../../src/registry/server/index.ts";
import { Store } from "../../src/store/index.ts";
import { examine, type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const rounds = 20;

/** How much must have happened at least: otherwise a test says nothing. */
const enough = { killed: 4, kept: 1 };

/** Whether there is to be another round. On a machine with much else to do there are fewer, but enough of them. */
function untilEnough(): (killed: number, kept: number) => boolean {
  const start = performance.now();
  return (killed, kept) => {
    const seconds = (performance.now() - start) / 1000;
    const isEnough = killed >= enough.killed && kept >= enough.kept;
    return isEnough ? killed < rounds && seconds < 25 : seconds < 90;
  };
}

describe(`kill -9 of the client at random moments, ${rounds} times`, () => {
  let strake: Strake;
  let registry: Registry;
  /** `GET /v2/...` and so on, as the registry answered with success. */
  let answered: string[];
  /** Of requests that came after this time. */
  let since = 0;

  beforeAll(async () => {
    strake = makeStrake();
    registry = await Registry.start({
      storage: await FileStore.open(join(strake.home, "registry")),
      log: ({ time, method, path, query, status }) => {
        // What a killed client asked for may be answered later.
        if (status < 300 && Date.parse(time) >= since)
          answered.push(`${method} ${path} ${JSON.stringify(query ?? {})}`);
      },
    });
    answered = [];
  });
  afterAll(async () => {
    await registry?.stop({ grace: 100 });
    await strake?.remove();
  });

  /** Runs a command and kills it after a while; whether it was still running. */
  async function kill(args: readonly string[], ms: number): Promise<boolean> {
    const child = strake.spawn(args);
    await Bun.sleep(ms);
    child.kill("SIGKILL");
    await child.exited;
    return child.signalCode === "SIGKILL";
  }

  /** Milliseconds of a command that is let run. */
  async function time(args: readonly string[]): Promise<number> {
    const started = performance.now();
    await strake.ok(...args);
    return performance.now() - started;
  }

  async function demandClean(round: number): Promise<void> {
    const { code, stdout, stderr } = await strake.run(["gc", "--verify", "--format", "json"]);
    if (stdout === "") throw new Error(stderr);
    expect([round, code, (JSON.parse(stdout) as { problems: unknown[] }).problems]).toEqual([round, 0, []]);
  }

  /** Layers and blobs that the store has whole. */
  function stored(): Set<Digest> {
    using store = Store.open({ root: join(strake.home, "root"), runRoot: join(strake.home, "run") });
    return new Set([
      ...store.layers.list().map(({ diffID }) => diffID),
      ...store.blobs.list().map(({ digest }) => digest),
    ]);
  }

  test("pull: the store is clean, the next pull works and does not fetch what is complete", async () => {
    const image = await makeLayeredImage([30_000, 400_000, 900_000, 1_500_000, 2_500_000, 4_000_000]);
    await pushLayeredImage(image, registry.host, "pulled/app");
    const reference = `${registry.host}/pulled/app:1`;
    const pull = ["pull", "--quiet", reference];
    const forget = async (round: number) => {
      await strake.ok("rmi", "-f", image.id);
      await demandClean(round);
    };
    await time(pull);
    await forget(-1);
    let whole = await time(pull);
    await forget(-1);
    const goesOn = untilEnough();
    let killed = 0;
    let kept = 0;
    for (let round = 0; goesOn(killed, kept); round++) {
      if (await kill(pull, (((round % rounds) + Math.random()) / rounds) * whole)) killed++;
      // It was over already: this machine is faster now than when it was measured.
      else whole *= 0.85;
      if (round % 3 === 0) await demandClean(round);
      const before = stored();
      answered = [];
      since = Date.now() + 1;
      await strake.ok(...pull);
      const complete = image.layers.filter(
        (digest, i) => before.has(digest) || before.has(image.diffIDs[i]!),
      );
      kept += complete.length;
      for (const digest of complete)
        expect([round, answered]).toEqual([
          round,
          expect.not.arrayContaining([expect.stringContaining(`/blobs/${digest}`)]),
        ]);
      expect(stored()).toEqual(new Set([...image.diffIDs, ...image.blobs.keys(), image.digest]));
      await forget(round);
    }
    expect(killed).toBeGreaterThanOrEqual(enough.killed);
    // Kills in the middle left some layers complete.
    expect(kept).toBeGreaterThanOrEqual(enough.kept);
    expect(stored()).toEqual(new Set());
  }, 120_000);

  /** An image that was built here, whose layers no registry has seen and nobody has packed. */
  async function build(round: number | "warm"): Promise<void> {
    const context = join(strake.home, "context");
    mkdirSync(context, { recursive: true });
    [50_000, 1_500_000, 3_000_000].forEach((size, i) => {
      writeFileSync(join(context, `file-${i}`), randomBytes(size));
    });
    const dockerfile = "FROM scratch\nCOPY file-0 /\nCOPY file-1 /\nCOPY file-2 /\n";
    const built = await strake.run(["build", "-t", `built:${round}`, "-f", "-", context], {
      stdin: Buffer.from(dockerfile),
    });
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("built sha256:")]);
  }

  async function pulledImage(path: string): Promise<LayeredImage> {
    const image = await makeLayeredImage([30_000, 900_000, 2_500_000, 4_000_000]);
    await pushLayeredImage(image, registry.host, path);
    await strake.ok("pull", "--quiet", `${registry.host}/${path}:1`);
    return image;
  }

  test("push: store and registry are clean, the next push works and does not send what is complete", async () => {
    // By another name of the same registry: between repositories of one there is nothing to send.
    const far = registry.host.replace("127.0.0.1", "localhost");
    await build("warm");
    const times = [await time(["push", "--quiet", "built:warm", `${far}/warm/built:1`])];
    const warm = await pulledImage("source/warm");
    times.push(await time(["push", "--quiet", warm.id, `${far}/warm/pulled:1`]));
    const goesOn = untilEnough();
    let killed = 0;
    let kept = 0;
    for (let round = 0; goesOn(killed, kept); round++) {
      const isBuilt = round % 2 === 0;
      if (isBuilt) await build(round);
      const pulled = isBuilt ? warm : await pulledImage(`source/app-${round}`);
      const path = `pushed/app-${round}`;
      const push = ["push", "--quiet", isBuilt ? `built:${round}` : pulled.id, `${far}/${path}:1`];
      const whole = times[isBuilt ? 0 : 1]!;
      if (await kill(push, (((round % rounds) + Math.random()) / rounds) * whole)) killed++;
      else times[isBuilt ? 0 : 1] = whole * 0.85;
      if (round % 3 === 0) await demandClean(round);
      const complete: string[] = [];
      for (const digest of pulled.blobs.keys())
        if ((await fetch(`${registry.url}v2/${path}/blobs/${digest}`, { method: "HEAD" })).ok)
          complete.push(digest);
      answered = [];
      since = Date.now() + 1;
      await strake.ok(...push);
      if (isBuilt) {
        const back = await strake.run(["pull", "--quiet", `${registry.host}/${path}:1`]);
        expect([round, back.code, back.stderr]).toEqual([round, 0, ""]);
        await strake.ok("rmi", "-f", `built:${round}`);
      } else {
        kept += complete.length;
        const ended = answered.filter((line) => line.startsWith("PUT") && line.includes("/blobs/uploads/"));
        const again = complete.filter((digest) => ended.some((line) => line.includes(digest)));
        expect([round, again]).toEqual([round, []]);
        expect(await examine(pulled, registry.host, path)).toBe(pulled.blobs.size + 1);
      }
      await demandClean(round);
    }
    expect(killed).toBeGreaterThanOrEqual(enough.killed);
    expect(kept).toBeGreaterThanOrEqual(enough.kept);
    expect((await registry.scrub()).damaged).toEqual([]);
  }, 120_000);
});
