import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Engine } from "../../src/engine/index.ts";
import type { StrakeError } from "../../src/errors/index.ts";
import { type Digest, sha256 } from "../../src/oci/index.ts";
import { FileStore } from "../../src/registry/server/index.ts";
import { tarOf } from "../support/archives.ts";
import {
  always,
  type Exchange,
  first,
  type Plan,
  patience,
  startFaultProxy,
} from "../support/fault-proxy.ts";
import { registryPeers } from "../support/registry-peers.ts";
import { isPart, isTakenPart } from "../support/upload-parts.ts";
import { userEnv } from "../support/user-env.ts";

/**
 * A large layer that was never packed is sent while it is packed: one PATCH of a length that nobody knows yet. The network
 * breaks in the middle of it, and the push goes on with the packed layer from where the registry is.
 */
const home = mkdtempSync(join(tmpdir(), "strake-stream-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = userEnv(home);
const client = { env, retry: { attempts: 4, baseMs: 1, capMs: 20 }, stallMs: 500, answerMs: 2000 };

const isStream = ({ method, headers }: Exchange) =>
  method === "PATCH" && headers["transfer-encoding"] === "chunked";
const middle = 3_000_000;

const cases: readonly (readonly [string, Plan, ...string[]])[] = [
  ["is cut in its middle", first(1, isStream, { cut: "request", at: middle })],
  ["is cut before its first byte", first(1, isStream, { cut: "request", at: 0 })],
  ["arrives, and its answer does not", first(1, isStream, { cut: "request", at: 1e9 })],
  ["is cut, and so is what follows", first(3, isPart, { cut: "request", at: 1_000_000 })],
  ["stops moving", first(1, isStream, { stall: "request", at: middle })],
  ["is answered with 500 in its middle", first(1, isStream, { answer: 500, after: middle })],
  ["is answered with 413 in its middle", first(1, isStream, { answer: 413, after: middle })],
  ["comes with another byte", first(1, isStream, { damage: "request", at: middle })],
  ["is cut, and nothing else arrives", always(isPart, { cut: "request", at: 0 }), "REGISTRY_UNREACHABLE"],
];

const peers = registryPeers(() => FileStore.open(join(home, "registry")));

for (const [name, { obstacle, start }] of Object.entries(peers)) {
  if (obstacle) console.log(`skipped: streams into ${name}: ${obstacle}`);
  describe.skipIf(obstacle !== undefined)(`a stream into ${name}`, () => {
    const peer = start();
    afterAll(async () => (await peer).stop());
    const open: Engine[] = [];
    afterEach(() => {
      for (const engine of open.splice(0)) engine.close();
    });

    /** A store with an image whose only layer was never packed: packing it is remembered. */
    async function unpacked(): Promise<{ engine: Engine; tar: Uint8Array }> {
      const root = mkdtempSync(join(home, "store-"));
      const engine = Engine.open({ root: join(root, "root"), runRoot: join(root, "run") });
      open.push(engine);
      const tar = await tarOf([["file", randomBytes(6 << 20)]]);
      await engine.import({
        source: (async function* () {
          yield tar;
        })(),
        tag: "app:1",
      });
      return { engine, tar };
    }

    /** What the registry gives for the image's layer, unpacked. */
    async function pushedLayer(path: string): Promise<Uint8Array> {
      const at = `http://${(await peer).host}/v2/${path}`;
      const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
      const manifest = await fetch(`${at}/manifests/1`, { headers });
      expect(manifest.status).toBe(200);
      const { layers } = (await manifest.json()) as { layers: { digest: string; size: number }[] };
      const blob = new Uint8Array(await (await fetch(`${at}/blobs/${layers[0]!.digest}`)).arrayBuffer());
      expect([blob.length, sha256(blob)]).toEqual([layers[0]!.size, layers[0]!.digest as Digest]);
      return gunzipSync(blob);
    }

    test.each([...cases])("that %s", async (what, plan, ...codes) => {
      const { engine, tar } = await unpacked();
      await using proxy = await startFaultProxy((await peer).host, plan);
      const path = `stream/${what.replaceAll(/[^a-z0-9]+/g, "-")}`;
      const push = () =>
        engine.push({ ...client, ...patience(plan), name: "app:1", target: `${proxy.host}/${path}:1` });
      const code = await push().then(
        () => undefined,
        (error: StrakeError) => error.code,
      );
      // What distribution gets whole comes as a stream too, which may end early.
      const streams = proxy.seen.filter(isStream).length;
      expect(name === "strake" ? streams === 1 : streams >= 1).toBe(true);
      expect(proxy.faults).toBeGreaterThan(0);
      if (codes.length > 0) {
        expect(codes).toContain(code!);
        proxy.plan = () => undefined;
        await push();
      } else expect(code).toBeUndefined();
      expect(sha256(await pushedLayer(path))).toBe(sha256(tar));
      expect(engine.store.gc({ verify: true }).problems ?? []).toEqual([]);
    });

    test("what has arrived is not sent again", async () => {
      const { engine, tar } = await unpacked();
      const cut = first(1, isStream, { cut: "request", at: middle });
      await using proxy = await startFaultProxy((await peer).host, cut);
      await engine.push({
        ...client,
        ...patience(cut),
        name: "app:1",
        target: `${proxy.host}/resumed/app:1`,
      });
      const rest = proxy.seen.filter((exchange) => isTakenPart(exchange) && exchange.length > 1 << 20);
      const starts = rest.map(({ headers }) => Number(/^\d+/.exec(headers["content-range"] ?? "0")));
      // distribution 2.8 does not always keep what came before a reset.
      if (name === "strake") {
        expect(starts).toHaveLength(1);
        expect(starts[0]).toBeGreaterThan(middle / 2);
      }
      expect(sha256(await pushedLayer("resumed/app"))).toBe(sha256(tar));
    });
  });
}
