import { expect } from "bun:test";
import { mediaTypes } from "../../../../oci/index.ts";
import { blobWays, expectDeleted } from "./blob-ways.ts";
import { Content } from "./content.ts";
import { contents, sparseContents } from "./contents.ts";
import { type Check, digestOf, expectDigest, locationOf, type Peer, randomContent } from "./peer.ts";

const repository = "checks/content";
const manifestPath = (reference: string) => `/v2/${repository}/manifests/${reference}`;
const accept = { Accept: `${mediaTypes.ociIndex}, ${mediaTypes.ociManifest}` };
type Pushed = Content["manifests"][number];

export async function putManifest(
  peer: Peer,
  reference: string,
  { body, mediaType, digest }: Pushed,
  tags: readonly string[] = [],
) {
  const put = await peer.expect([201], manifestPath(reference), {
    ...{ method: "PUT", body, query: { tag: [...tags] } },
    headers: { "Content-Type": mediaType },
  });
  expect(await put.text()).toBe("");
  expectDigest(put, digest);
  const { subject } = JSON.parse(body) as { subject?: { digest: string } };
  if (subject) expect(put.headers.get("oci-subject")).toBe(subject.digest);
  await expectManifest(peer, locationOf(put), { body, mediaType, digest });
  return put;
}

async function expectManifest(peer: Peer, path: string, { body, mediaType, digest }: Pushed): Promise<void> {
  for (const method of ["HEAD", "GET"]) {
    const got = await peer.expect([200], path, { method, headers: accept });
    expect(got.headers.get("content-type")).toBe(mediaType);
    expect(got.headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
    expectDigest(got, digest);
    expect(await got.text()).toBe(method === "HEAD" ? "" : body);
  }
}

async function tagsOf(peer: Peer, query: Record<string, string> = {}): Promise<string[]> {
  const response = await peer.expect([200], `/v2/${repository}/tags/list`, { query });
  const { name, tags } = (await response.json()) as { name: string; tags: string[] | null };
  expect(name).toBe(repository);
  return tags ?? [];
}

async function pushContent(peer: Peer, content: Content, parameters: boolean): Promise<void> {
  for (const [digest, bytes] of content.blobs)
    await blobWays["POST, then PUT"]!(peer, { repository, content: bytes, digest });
  for (const manifest of content.manifests) {
    const tags = [...content.tags].filter(([, digest]) => digest === manifest.digest).map(([tag]) => tag);
    const put = await putManifest(peer, manifest.digest, manifest, parameters ? tags : []);
    if (parameters) expect(put.headers.get("oci-tag")?.split(/, */) ?? []).toEqual(tags);
  }
  if (parameters) return;
  for (const [tag, digest] of content.tags)
    await putManifest(peer, tag, content.manifests.find((manifest) => manifest.digest === digest)!);
}

async function expectListed(peer: Peer, content: Content): Promise<void> {
  if (content.tags.size === 0) return;
  const all = await tagsOf(peer);
  for (const tag of content.tags.keys()) expect(all).toContain(tag);
}

async function expectReferrers(peer: Peer, content: Content): Promise<void> {
  for (const [subject, listed] of content.referrers) {
    const list = async (query: Record<string, string>) => {
      const response = await peer.expect([200], `/v2/${repository}/referrers/${subject}`, { query });
      expect(response.headers.get("content-type")).toBe(mediaTypes.ociIndex);
      const index = (await response.json()) as {
        schemaVersion: number;
        mediaType: string;
        manifests: object[];
      };
      expect([index.schemaVersion, index.mediaType]).toEqual([2, mediaTypes.ociIndex]);
      return { manifests: index.manifests, filters: response.headers.get("oci-filters-applied") };
    };
    const sorted = (entries: readonly object[]) => entries.map((entry) => JSON.stringify(entry)).sort();
    const inOrder = (entries: readonly object[]) =>
      sorted(entries.map((entry) => Object.fromEntries(Object.entries(entry).sort())));
    expect(inOrder((await list({})).manifests)).toEqual(inOrder(listed));
    for (const artifactType of new Set(listed.map((entry) => entry.artifactType as string))) {
      const { manifests, filters } = await list({ artifactType });
      expect(filters).toBe("artifactType");
      const wanted = listed.filter((entry) => entry.artifactType === artifactType);
      expect(inOrder(manifests)).toEqual(inOrder(wanted));
    }
    expect((await list({ artifactType: "application/x-nobody" })).manifests).toEqual([]);
  }
}

/** Push, list, head, pull, referrers, delete: one after the other, as a client does. */
function lifeOf(name: string, make: () => Content, parameters = false): Check {
  return {
    name: `content: ${name}`,
    run: async (peer) => {
      const content = make();
      await pushContent(peer, content, parameters);
      await expectListed(peer, content);
      for (const manifest of content.manifests) {
        await expectManifest(peer, manifestPath(manifest.digest), manifest);
        for (const [tag, digest] of content.tags)
          if (digest === manifest.digest) await expectManifest(peer, manifestPath(tag), manifest);
      }
      await expectReferrers(peer, content);
      for (const { digest } of [...content.manifests].reverse())
        await expectDeleted(peer, manifestPath(digest));
      for (const tag of content.tags.keys()) await peer.expect([404], manifestPath(tag), { headers: accept });
      for (const digest of content.blobs.keys())
        await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
    },
  };
}

function tagged(algorithm?: "sha512"): Content {
  const content = new Content(algorithm);
  const index = content.index([content.image(), content.image()]);
  for (const [i, { digest }] of content.manifests.entries()) content.tags.set(`parameter-${i}`, digest);
  for (let i = 0; i < 10; i++) content.tags.set(`also-${i}`, index.digest);
  return content;
}

/** Whatever content can be pushed and what becomes of it, and what is refused. */
export const contentChecks: readonly Check[] = [
  {
    name: "the base answers",
    run: async (peer) => {
      await peer.expect([200], "/v2/");
    },
  },
  {
    name: "a repository that never was: no tags, no referrers",
    run: async (peer) => {
      const list = await peer.expect([200, 404], "/v2/checks/never/tags/list");
      if (list.status === 200) expect(((await list.json()) as { tags?: string[] }).tags ?? []).toEqual([]);
      const path = `/v2/checks/never/referrers/${digestOf(randomContent())}`;
      const referrers = await peer.expect([200], path);
      expect(((await referrers.json()) as { manifests: unknown }).manifests).toEqual([]);
    },
  },
  ...Object.entries(contents).map(([name, make]) => lifeOf(name, make)),
  ...Object.entries(sparseContents).map(([name, make]) => lifeOf(name, make)),
  lifeOf("tags as parameters", () => tagged(), true),
  lifeOf("tags as parameters, sha512", () => tagged("sha512"), true),
  {
    name: "content: a manifest under another digest is refused",
    run: async (peer) => {
      const content = new Content();
      content.image();
      await pushContent(peer, content, false);
      const { body, digest, mediaType } = content.manifests[0]!;
      const init = { method: "PUT", body: `${body}  `, headers: { "Content-Type": mediaType } };
      for (const reference of [digest, "sha256:baddigeststring", digestOf(body, "sha512")])
        await peer.expectError([400], manifestPath(reference), init);
      await peer.expectError([400, 404], manifestPath("sha256:baddigeststring"));
    },
  },
  {
    name: "content: missing manifests are 404, by tag and by digest",
    run: async (peer) => {
      for (const reference of [`missing-${crypto.randomUUID()}`, digestOf(randomContent())])
        for (const method of ["GET", "HEAD"])
          await peer.expectError([404], manifestPath(reference), { method });
    },
  },
  {
    name: "content: the list of tags is sorted, begins after `last` and has `n`",
    run: async (peer) => {
      const content = new Content();
      const { digest } = content.image();
      for (const tag of ["b", "A", "a.1", "a-1", "_", "c", "a1"]) content.tags.set(tag, digest);
      await pushContent(peer, content, false);
      const all = await tagsOf(peer);
      expect(all).toEqual([...all].sort());
      const half = Math.floor(all.length / 2);
      expect(await tagsOf(peer, { last: all[half - 1]! })).toEqual(all.slice(half));
      expect(await tagsOf(peer, { n: "1" })).toEqual(all.slice(0, 1));
      expect(await tagsOf(peer, { n: "2", last: all[0]! })).toEqual(all.slice(1, 3));
      expect(await tagsOf(peer, { n: "0" })).toEqual([]);
    },
  },
  {
    name: "content: a tag goes alone, a digest takes its tags along",
    run: async (peer) => {
      const content = new Content();
      content.image({ tag: "one" });
      content.tags.set("two", content.manifests[0]!.digest);
      await pushContent(peer, content, false);
      const { digest } = content.manifests[0]!;
      await expectDeleted(peer, manifestPath("one"));
      await peer.expect([200], manifestPath("two"), { headers: accept });
      await peer.expect([200], manifestPath(digest), { headers: accept });
      await expectDeleted(peer, manifestPath(digest));
      await peer.expect([404], manifestPath("two"), { headers: accept });
    },
  },
];
