import { expectDeleted, pushBlob } from "./blob-ways.ts";
import { holds, same } from "./claims.ts";
import { Content } from "./content.ts";
import { manifestPath } from "./content-steps.ts";
import { type Check, checksOf, type Peer } from "./peer.ts";
import { tagsOf } from "./tag-list.ts";

const name = "checks/tags";
const names = ["A", "_", "a", "a-1", "a.1", "a1", "b"];

async function pushTags(peer: Peer, repository: string, tags: readonly string[]): Promise<Content> {
  const content = new Content();
  content.image();
  for (const [digest, bytes] of content.blobs) await pushBlob(peer, { repository, content: bytes, digest });
  const { body, mediaType } = content.manifests[0]!;
  for (const tag of tags) {
    const init = { method: "PUT", body, headers: { "Content-Type": mediaType } };
    await peer.expect([201], manifestPath(tag, repository), init);
  }
  return content;
}

const check = checksOf("tags");

/** Lists of tags ("Listing Tags"): these hold where pulls come from a cache too. */
export const tagChecks: readonly Check[] = [
  check("the list of a repository that never was is empty, or 404", async (peer) => {
    const list = await peer.expect([200, 404], "/v2/checks/never/tags/list");
    const { tags } = (await list.json()) as { tags?: string[] | null };
    same("its tags", tags ?? [], []);
  }),
  check("the list is sorted", async (peer) => {
    await pushTags(peer, name, [...names].reverse());
    same("the tags", (await tagsOf(peer, {}, name)).tags, [...names].sort());
  }),
  check("it begins after `last`, which need not be a tag", async (peer) => {
    await pushTags(peer, name, names);
    same("the tags after a-1", (await tagsOf(peer, { last: "a-1" }, name)).tags, ["a.1", "a1", "b"]);
    same("the tags after a0", (await tagsOf(peer, { last: "a0" }, name)).tags, ["a1", "b"]);
    same("the tags after the last", (await tagsOf(peer, { last: "b" }, name)).tags, []);
  }),
  check("it has at most `n`, and none with 0", async (peer) => {
    await pushTags(peer, name, names);
    const first = await tagsOf(peer, { n: "3" }, name);
    same("three tags", first.tags, ["A", "_", "a"]);
    holds("a list that is not whole has no Link", first.next !== undefined);
    same("two tags after a", (await tagsOf(peer, { n: "2", last: "a" }, name)).tags, ["a-1", "a.1"]);
    same("no tags", await tagsOf(peer, { n: "0" }, name), { tags: [], next: undefined });
  }),
  check("its Links lead through all of it, and the last page has none", async (peer) => {
    await pushTags(peer, name, names);
    const seen: string[] = [];
    let page = await tagsOf(peer, { n: "2" }, name);
    for (let pages = 1; ; pages++) {
      holds("the Links lead in a circle", pages <= names.length);
      seen.push(...page.tags);
      if (page.next === undefined) break;
      const { searchParams } = new URL(page.next, peer.url);
      page = await tagsOf(peer, Object.fromEntries(searchParams), name);
    }
    same("the tags of all pages", seen, [...names].sort());
  }),
];

/** What deletions do to the list. */
export const tagDeletionChecks: readonly Check[] = [
  check("a repository whose last tag is deleted has an empty list while it holds blobs", async (peer) => {
    const repository = `${name}-${crypto.randomUUID()}`;
    const content = await pushTags(peer, repository, ["only"]);
    await expectDeleted(peer, manifestPath(content.manifests[0]!.digest, repository));
    same("the tags", (await tagsOf(peer, {}, repository)).tags, []);
    for (const digest of content.blobs.keys()) await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
  }),
];
