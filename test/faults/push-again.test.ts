import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../src/engine/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { sha256 } from "../../src/oci/index.ts";
import { FileStore, Registry } from "../../src/registry/server/index.ts";
import { tarOf } from "../support/archives.ts";
import { type FaultProxy, type Plan, startFaultProxy } from "../support/fault-proxy.ts";
import { registryPeers } from "../support/registry-peers.ts";
import { program } from "../support/strake.ts";
import { continued, isTakenPart, sentIn } from "../support/upload-parts.ts";
import { userEnv } from "../support/user-env.ts";

/** A push that was interrupted goes on, when it is done again, in the middle of the layer where the registry is: of a layer that is packed already, and of one that is packed while it is sent. */
const home = mkdtempSync(join(tmpdir(), "strake-push-again-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = { ...process.env, ...userEnv(home) };
const client = { env, retry: { attempts: 3, baseMs: 1, capMs: 20 }, stallMs: 5000, answerMs: 5000 };

const MiB = 1 << 20;
const layerSize = 24 * MiB;
/** Bytes of the layer that have to have passed before a push is interrupted. */
const enough = 8 * MiB;

/** Above what frames, heads and ends a layer's bytes on their way, and the configuration. */
const framing = 64 << 10;
/** A layer takes some seconds; less from when it is interrupted on, as distribution keeps only what arrives soon: see early-end.ts. */
const pace = { before: 8, after: 2 };

interface Place {
  readonly root: string;
  readonly runRoot: string;
  readonly env: Record<string, string | undefined>;
  /** Digest of the layer's tar. */
  readonly diffID: string;
}

/** A store with an image of one layer that no compression makes smaller; with `packed` it has been pushed elsewhere. */
async function place(packed: boolean): Promise<Place> {
  const folder = mkdtempSync(join(home, "store-"));
  const [root, runRoot] = [join(folder, "root"), join(folder, "run")];
  using engine = Engine.open({ root, runRoot });
  const tar = await tarOf([["file", randomBytes(layerSize)]]);
  await engine.import({
    source: (async function* () {
      yield tar;
    })(),
    tag: "app:1",
  });
  if (packed) {
    const elsewhere = await Registry.start();
    await engine.push({ ...client, name: "app:1", target: `${elsewhere.host}/app:1` });
    await elsewhere.stop({ grace: 100 });
  }
  return { root, runRoot, env: { ...env, STRAKE_ROOT: root, STRAKE_RUNROOT: runRoot }, diffID: sha256(tar) };
}

/** Notes of uploads that the store has. */
const notes = ({ root }: Place) =>
  readdirSync(join(root, "work")).filter((name) => name.includes("_upload_"));

function run({ env: surroundings }: Place, ...words: string[]) {
  const child = Bun.spawn([...program, ...words], { env: surroundings, stdout: "pipe", stderr: "pipe" });
  const told = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { child, told };
}

/** What a command said with `--progress rawjson`. */
const eventsOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as StrakeEvent);

/** Bytes that the push says it has moved. */
const moved = (events: readonly StrakeEvent[]) =>
  events.flatMap((event) => (event.type === "transfer.done" ? [event.moved.bytes] : []))[0];

const ways = [
  ["packed earlier", true],
  ["packed while it is sent", false],
] as const;

const peers = registryPeers(() => FileStore.open(mkdtempSync(join(home, "registry-"))));

for (const [name, { obstacle, start }] of Object.entries(peers)) {
  if (obstacle) console.log(`skipped: pushes to ${name} that are interrupted: ${obstacle}`);
  describe.skipIf(obstacle !== undefined)(`a push to ${name} that is interrupted`, () => {
    const peer = start();
    afterAll(async () => (await peer).stop());
    const proxies: FaultProxy[] = [];
    let slow = pace.before;
    const slowly: Plan = ({ method }) => (method === "PATCH" ? { slow: () => slow, at: 0 } : undefined);
    afterEach(async () => {
      for (const proxy of proxies.splice(0)) await proxy[Symbol.asyncDispose]();
    });
    let count = 0;

    /** Waits until enough of the layer has come by to be worth keeping. */
    async function underway(proxy: FaultProxy): Promise<void> {
      slow = pace.before;
      while (sentIn(proxy.seen) < enough) await Bun.sleep(5);
      slow = pace.after;
    }

    async function behindProxy(): Promise<{ proxy: FaultProxy; path: string; target: string }> {
      const proxy = await startFaultProxy((await peer).host, slowly);
      proxies.push(proxy);
      const path = `again/app-${count++}`;
      return { proxy, path, target: `${proxy.host}/${path}:1` };
    }

    async function demandWhole(path: string, { diffID }: Place): Promise<void> {
      const folder = mkdtempSync(join(home, "back-"));
      using engine = Engine.open({ root: join(folder, "root"), runRoot: join(folder, "run") });
      const { image } = await engine.pull({ env, reference: `${(await peer).host}/${path}:1` });
      expect<readonly string[]>(image.diffIDs).toEqual([diffID]);
    }

    // distribution cancels an upload of which a request breaks off: see early-end.ts.
    const keeps = { SIGKILL: name === "strake", SIGINT: true };

    for (const [how, packed] of ways)
      test.each(["SIGKILL", "SIGINT"] as const)(`a layer ${how}: by %s`, async (signal) => {
        const from = await place(packed);
        const { proxy, path, target } = await behindProxy();
        const push = ["push", "--progress", "rawjson", "app:1", target];
        const first = run(from, ...push);
        await underway(proxy);
        first.child.kill(signal);
        expect(await first.child.exited).toBe(signal === "SIGINT" ? 130 : 137);
        expect(notes(from)).toHaveLength(1);

        await Bun.sleep(100);
        const before = proxy.seen.length;
        proxy.plan = () => undefined;
        const again = run(from, ...push);
        const [code, [stdout, stderr]] = await Promise.all([again.child.exited, again.told]);
        expect([code, stderr]).toEqual([0, expect.any(String)]);
        const after = proxy.seen.slice(before);
        const uploads = after.filter(({ method, path: at }) => method === "POST" && at.includes("/blobs/"));
        if (keeps[signal]) {
          const { found, had, sent } = continued(after);
          expect(found).toBeGreaterThan(MiB);
          expect(sent).toBeLessThan(layerSize - had + framing);
          // The configuration's alone.
          expect(uploads).toHaveLength(1);
          const [current] = eventsOf(stderr).flatMap((event) =>
            event.type === "step.progress" && event.step.startsWith("push ") ? [event.current] : [],
          );
          expect(current).toBeGreaterThanOrEqual(found);
          expect(moved(eventsOf(stderr))).toBeLessThan(layerSize - found + framing);
        } else expect(sentIn(after)).toBeGreaterThan(layerSize);
        await demandWhole(path, from);
        expect(notes(from)).toEqual([]);
        const verify = run(from, "gc", "--verify");
        expect([await verify.child.exited, (await verify.told)[0]]).toEqual([
          0,
          expect.stringContaining("clean"),
        ]);
        expect(stdout + stderr).not.toMatch(/_state|blobs\/uploads/);
      });

    for (const [how, packed] of ways)
      test(`a layer ${how}: canceled in a process that goes on`, async () => {
        const from = await place(packed);
        const { proxy, path, target } = await behindProxy();
        using engine = Engine.open(from);
        const stop = new AbortController();
        const first = engine.push({ ...client, name: "app:1", target, signal: stop.signal });
        await underway(proxy);
        stop.abort();
        await expect(first).rejects.toMatchObject({ code: "CANCELED" });
        await Bun.sleep(100);
        const before = proxy.seen.length;
        proxy.plan = () => undefined;
        const events: StrakeEvent[] = [];
        await engine.push({ ...client, name: "app:1", target, emit: (event) => void events.push(event) });
        const { found, had, sent } = continued(proxy.seen.slice(before));
        expect(found).toBeGreaterThan(MiB);
        expect(sent).toBeLessThan(layerSize - had + framing);
        expect(moved(events)).toBeLessThan(layerSize - found + framing);
        await demandWhole(path, from);
        expect(notes(from)).toEqual([]);
      });

    for (const [how, packed] of ways)
      test(`a layer ${how}: by a network that is gone for good`, async () => {
        const from = await place(packed);
        const { proxy, path, target } = await behindProxy();
        using engine = Engine.open(from);
        proxy.plan = ({ method }) =>
          sentIn(proxy.seen) >= MiB
            ? { cut: "request", at: 0 }
            : method === "PATCH"
              ? { cut: "request", at: enough }
              : undefined;
        const first = engine.push({ ...client, name: "app:1", target });
        await expect(first).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
        expect(notes(from)).toHaveLength(1);
        const before = proxy.seen.length;
        proxy.plan = () => undefined;
        await engine.push({ ...client, name: "app:1", target });
        if (name === "strake") {
          const { found, had, sent } = continued(proxy.seen.slice(before));
          expect(found).toBeGreaterThan(MiB);
          expect(sent).toBeLessThan(layerSize - had + framing);
        }
        await demandWhole(path, from);
        expect(notes(from)).toEqual([]);
      });

    test("two at once of the same afterwards: one goes on, the other begins its own", async () => {
      const from = await place(true);
      const { proxy, path, target } = await behindProxy();
      const first = run(from, "push", "--quiet", "app:1", target);
      await underway(proxy);
      first.child.kill("SIGINT");
      await first.child.exited;
      await Bun.sleep(100);
      const before = proxy.seen.length;
      slow = pace.before;
      const both = [1, 2].map(() => run(from, "push", "--quiet", "app:1", target));
      const codes = await Promise.all(both.map(({ child }) => child.exited));
      expect([codes, ...(await Promise.all(both.map(({ told }) => told)))]).toEqual([
        [0, 0],
        ...[1, 2].map(() => [expect.stringContaining("sha256:"), ""]),
      ]);
      const seen = proxy.seen.slice(before);
      const sessions = seen.filter(isTakenPart).map((each) => each.path.replace(/\?.*/, ""));
      expect(sessions).toHaveLength(2);
      expect(new Set(sessions).size).toBe(2);
      await demandWhole(path, from);
      expect(notes(from)).toEqual([]);
    });

    test("another repository does not get it", async () => {
      const from = await place(true);
      const { proxy, path, target } = await behindProxy();
      const first = run(from, "push", "--quiet", "app:1", target);
      await underway(proxy);
      first.child.kill("SIGINT");
      await first.child.exited;
      proxy.plan = () => undefined;
      const before = proxy.seen.length;
      const other = run(from, "push", "--quiet", "app:1", `${proxy.host}/else/${path}:1`);
      expect(await other.child.exited).toBe(0);
      const paths = proxy.seen.slice(before).map((each) => each.path);
      expect(paths.filter((each) => each.includes(`/v2/${path}/`))).toEqual([]);
      expect(notes(from)).toHaveLength(1);
    });
  });
}
