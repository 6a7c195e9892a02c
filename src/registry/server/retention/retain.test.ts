import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type Digest, mediaTypes } from "../../../oci/index.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Registry } from "../server.ts";

const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

async function pushImage(registry: Registry, repository: string, tag: string) {
  const content = `${repository}:${tag}`;
  const digest = digestOf(content);
  const uploads = `${registry.url}v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await fetch(uploads, { method: "POST", body: content })).status).toBe(201);
  const config = { mediaType: mediaTypes.ociConfig, digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
  const headers = { "Content-Type": mediaTypes.ociManifest };
  const target = `${registry.url}v2/${repository}/manifests/${tag}`;
  expect((await fetch(target, { method: "PUT", body, headers })).status).toBe(201);
  return { digest: digestOf(body), blob: digest };
}

test("tags beyond the rule go and can be had back; a dry run only says so", async () => {
  await using registry = await Registry.start({
    admit: (change) => {
      if (change.kind === "tag" && change.to === undefined && change.tag === "fixed")
        throw new Refusal("DENIED", "the tag is immutable");
    },
  });
  const tags = ["fixed", "v1", "v2", "v3"];
  const images: Awaited<ReturnType<typeof pushImage>>[] = [];
  for (const tag of tags) {
    images.push(await pushImage(registry, "a", tag));
    // Tags are told apart by milliseconds.
    await Bun.sleep(3);
  }
  await pushImage(registry, "b", "v1");
  const rules = [{ repositories: "a", keepLast: 1 }];
  const list = async () =>
    ((await (await fetch(`${registry.url}v2/a/tags/list`)).json()) as { tags: string[] }).tags;

  const dry = await registry.retain(rules, { dryRun: true });
  expect(dry.removed.map(({ tag }) => tag)).toEqual(["fixed", "v1", "v2"]);
  expect(await list()).toEqual(tags);
  const report = await registry.retain(rules);
  expect(report.removed.map(({ tag }) => tag)).toEqual(["v1", "v2"]);
  expect(report.refused.map(({ tag }) => tag)).toEqual(["fixed"]);
  expect(await list()).toEqual(["fixed", "v3"]);
  expect((await fetch(`${registry.url}v2/b/manifests/v1`)).status).toBe(200);
  expect(await registry.restore("a", images[1]!.digest)).toEqual(["v1"]);
  expect(await list()).toEqual(["fixed", "v1", "v3"]);
  await expect(registry.retain([{}])).rejects.toMatchObject({ code: "USAGE" });
});
