import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  copyBetween,
  type DeletedReference,
  type DeleteRequest,
  deleteRemote,
  Engine,
  listReferrers,
  listTags,
  resolveRemote,
} from "../../src/engine/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { tarOf } from "../support/archives.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "../support/docker-registry.ts";
import { type RegistryPeer, registryPeers } from "../support/registry-peers.ts";
import { told } from "../support/told.ts";
import { userEnv } from "../support/user-env.ts";

const home = mkdtempSync(join(tmpdir(), "strake-client-missing-"));
const env = userEnv(home);
let engine: Engine;
beforeAll(async () => {
  engine = Engine.open({ root: join(home, "root"), runRoot: join(home, "run") });
  const tar = await tarOf([["file", "hello\n"]]);
  const once = async function* () {
    yield tar;
  };
  await engine.import({ source: once(), tag: "app:1" });
});
afterAll(() => {
  engine.close();
  rmSync(home, { recursive: true, force: true });
});

const notFound = (text: string) => ({ code: "REGISTRY_NOT_FOUND", text: `error: ${text}` });

for (const [name, { obstacle, start }] of Object.entries(registryPeers())) {
  if (obstacle) console.log(`skipped: what ${name} does not have: ${obstacle}`);
  describe.skipIf(obstacle !== undefined)(`what ${name} does not have`, () => {
    let peer: RegistryPeer;
    let host: string;
    beforeAll(async () => {
      peer = await start();
      host = peer.host;
      for (const tag of ["1.0", "1.1", "latest"])
        await engine.push({ env, name: "app:1", target: `${host}/team/app:${tag}` });
    });
    afterAll(async () => await peer.stop());

    test.each([
      ["digest", (reference: string) => resolveRemote(reference, { env })],
      ["pull", (reference: string) => engine.pull({ env, reference })],
      ["copy", (reference: string) => copyBetween(reference, `oci:${join(home, "layout")}:x`, { env })],
      ["referrers", (reference: string) => listReferrers(reference, { env })],
    ])("%s: a tag; the nearest is named", async (_, act) => {
      expect(await told(act(`${host}/team/app:lastest`), host)).toEqual(
        notFound(
          "HOST/team/app has no tag lastest (did you mean latest?)\nhint: the repository is there; its tags are latest, 1.0, 1.1",
        ),
      );
    });

    test("a tag that is near none", async () => {
      expect(await told(resolveRemote(`${host}/team/app:production`, { env }), host)).toEqual(
        notFound(
          "HOST/team/app has no tag production\nhint: the repository is there; its tags are 1.0, 1.1, latest",
        ),
      );
    });

    test("a repository; those that are near are named", async () => {
      const hint = "hint: what is there: strake catalog HOST; if it is private, log in: strake login HOST";
      for (const path of ["team/ap", "app"])
        expect(await told(resolveRemote(`${host}/${path}:1.0`, { env }), host)).toEqual(
          notFound(`HOST has no repository ${path} (did you mean team/app?)\n${hint}`),
        );
      expect(await told(Array.fromAsync(listTags(`${host}/tem/app`, { env })), host)).toEqual(
        notFound(`HOST has no repository tem/app (did you mean team/app?)\n${hint}`),
      );
    });

    test("a manifest by its digest", async () => {
      const digest = `sha256:${"0".repeat(64)}`;
      expect(await told(resolveRemote(`${host}/team/app@${digest}`, { env }), host)).toEqual(
        notFound(
          `HOST/team/app has no manifest ${digest}\nhint: the repository is there; what its tags mean: strake digest HOST/team/app:TAG`,
        ),
      );
    });

    test("a tag that is to be deleted", async () => {
      const { text } = await told(deleteRemote(`${host}/team/app:1.2`, { env }), host);
      expect(text).toStartWith("error: HOST/team/app has no tag 1.2 (did you mean 1.0?)\n");
    });
  });
}

test("many tags: the near ones and how many there are", async () => {
  await using registry = await Registry.start();
  const { host } = new URL(registry.url);
  for (let i = 0; i < 30; i++) await engine.push({ env, name: "app:1", target: `${host}/app:build-${i}` });
  await engine.push({ env, name: "app:1", target: `${host}/app:stable` });
  const { text } = await told(resolveRemote(`${host}/app:stabel`, { env }), host);
  expect(text).toBe(
    "error: HOST/app has no tag stabel (did you mean stable?)\nhint: the repository is there; tags near it are stable; all 31: strake tags HOST/app",
  );
});

describe("delete", () => {
  const tagsOf = async (host: string) => (await Array.fromAsync(listTags(`${host}/app`, { env }))).sort();
  const push = async (host: string, ...tags: string[]) => {
    for (const tag of tags) await engine.push({ env, name: "app:1", target: `${host}/app:${tag}` });
  };
  const remove = (name: string, more: DeleteRequest = {}): Promise<DeletedReference> =>
    deleteRemote(name, { env, ...more });

  test("where tags can be deleted, one goes and the others stay", async () => {
    await using registry = await Registry.start();
    const { host } = new URL(registry.url);
    await push(host, "a", "b", "c");
    expect(await remove(`${host}/app:a`)).toEqual({ tags: ["a"] });
    expect(await tagsOf(host)).toEqual(["b", "c"]);
    const { tags } = await remove(`${host}/app:b`, { allTags: true });
    expect(tags).toEqual(["b", "c"]);
    // Its blobs are left until a collection takes them: the repository is there, and has no tags.
    expect(await tagsOf(host)).toEqual([]);
  });

  const obstacle = dockerRegistryObstacle();
  if (obstacle) console.log(`skipped: deleting at docker-registry: ${obstacle}`);
  test.skipIf(obstacle !== undefined)(
    "where only manifests can, no other tag goes along unasked",
    async () => {
      const peer = await startDockerRegistry();
      const { host } = peer;
      try {
        await push(host, "a", "b", "c");
        const { code, text } = await told(remove(`${host}/app:a`), host);
        expect(code).toBe("REGISTRY_TAG_SHARED");
        expect(text).toBe(
          "error: HOST deletes no single tag, only the manifest: with HOST/app:a its other tags would go too: b, c\nhint: if all of them may go: strake delete --all-tags HOST/app:a",
        );
        expect(await tagsOf(host)).toEqual(["a", "b", "c"]);
        const gone = await remove(`${host}/app:a`, { allTags: true });
        expect([...gone.tags].sort()).toEqual(["a", "b", "c"]);
        expect(await tagsOf(host)).toEqual([]);
        await push(host, "alone");
        expect(await remove(`${host}/app:alone`)).toMatchObject({ tags: ["alone"], digest: gone.digest });
        expect(await tagsOf(host)).toEqual([]);
      } finally {
        await peer.stop();
      }
    },
  );
});
