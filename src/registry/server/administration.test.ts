import { expect, test } from "bun:test";
import { mediaTypes } from "../../oci/index.ts";
import { ControlClient, MemoryStore, Registry } from "./index.ts";
import { digestOf, pushImage, putManifest } from "./proxy/upstream.test-support.ts";

test("what a quota or a scope does not let the administration do is told as that, over the control socket too", async () => {
  const control = `/tmp/strake-administration-${crypto.randomUUID()}.sock`;
  const rules = { quotas: [{ repositories: ["a"], maxTags: 1 }] };
  await using registry = await Registry.start({ storage: new MemoryStore(), rules, control });
  const one = await pushImage(registry.url, "a", "one");
  expect((await fetch(`${registry.url}v2/a/manifests/one`, { method: "DELETE" })).status).toBe(202);
  await pushImage(registry.url, "a", "two");
  const client = new ControlClient(control);
  for (const administration of [registry.administration, client]) {
    await expect(administration.restore("a", one.digest)).rejects.toMatchObject({
      code: "REGISTRY_DENIED",
      message: expect.stringMatching(/quota of the repository a is 1 tags/),
    });
    const robot = {
      name: "ci",
      scopes: [{ repositories: ["Team/*"], actions: ["pull"] as const }],
      lifetime: 9,
    };
    await expect(administration.createRobot(robot)).rejects.toMatchObject({
      code: "REGISTRY_SERVER_CONFIG",
      message: expect.stringContaining('scopes[0].repositories[0]: "Team/*" is not a pattern'),
    });
  }
});

test("a tag that moves while it is deleted: what goes is what can be had back", async () => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage });
  const [first, second] = [
    await pushImage(registry.url, "a", "v1"),
    await pushImage(registry.url, "a", "v2"),
  ];
  const put = storage.put.bind(storage);
  storage.put = async (key, ...rest) => {
    const etag = await put(key, ...rest);
    if (key.startsWith("trash/") && key.endsWith(first.digest.slice(7))) {
      storage.put = put;
      await putManifest(registry.url, "a", "v1", { body: second.body, mediaType: mediaTypes.ociManifest });
    }
    return etag;
  };
  expect((await fetch(`${registry.url}v2/a/manifests/v1`, { method: "DELETE" })).status).toBe(202);
  expect((await fetch(`${registry.url}v2/a/manifests/v1`)).status).toBe(404);
  expect(await registry.restore("a", second.digest)).toEqual(["v1"]);
});

test("a page of referrers is short enough in bytes, whatever its annotations are written in", async () => {
  await using registry = await Registry.start({ sparse: true });
  const { digest, body: image } = await pushImage(registry.url, "a", "v1");
  const mediaType = mediaTypes.ociManifest;
  for (let i = 0; i < 3; i++) {
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType, artifactType: "application/vnd.x" },
      config: { mediaType: "application/vnd.x", digest: digestOf("{}"), size: 2 },
      ...{
        layers: [],
        subject: { mediaType, digest, size: image.length },
        annotations: { [i]: "漢".repeat(600_000) },
      },
    });
    await putManifest(registry.url, "a", `r${i}`, { body, mediaType });
  }
  let pages = 0;
  for (let path: string | undefined = `/v2/a/referrers/${digest}`; path; pages++) {
    const answer: Response = await fetch(new URL(path, registry.url));
    expect((await answer.arrayBuffer()).byteLength).toBeLessThan(4 << 20);
    path = /<([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  expect(pages).toBeGreaterThan(1);
});
