import { expectBlob, expectDeleted, pushBlob } from "./blob-ways.ts";
import { holds, same } from "./claims.ts";
import { Content } from "./content.ts";
import { accept, expectPulled, manifestPath, pushContent, repository } from "./content-steps.ts";
import { contents } from "./contents.ts";
import { type Check, checksOf, digestOf, type Peer, randomContent } from "./peer.ts";
import { expectReferrers, referrersOf } from "./referrer-list.ts";
import { expectListed, tagsOf } from "./tag-list.ts";

const check = checksOf("deletion");

/** Pushed and deleted and pushed again: nothing of a deletion lasts beyond it. */
export async function expectAgain(peer: Peer, content: Content): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await pushContent(peer, content);
    await expectListed(peer, content);
    await expectPulled(peer, content);
    await expectReferrers(peer, content);
    for (const { digest } of content.manifests) await expectDeleted(peer, manifestPath(digest));
    for (const digest of content.blobs.keys()) await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
    for (const subject of content.referrers.keys())
      same("the referrers of what is deleted", (await referrersOf(peer, subject)).manifests, []);
  }
}

/** What goes with what. Each kind of content is deleted by its own check as well. */
export const deletionChecks: readonly Check[] = [
  check("a tag goes alone, a digest takes its tags along", async (peer) => {
    const content = new Content();
    content.image({ tag: "one" });
    content.tags.set("two", content.manifests[0]!.digest);
    await pushContent(peer, content);
    const { digest } = content.manifests[0]!;
    await expectDeleted(peer, manifestPath("one"));
    await peer.expect([200], manifestPath("two"), { headers: accept });
    await peer.expect([200], manifestPath(digest), { headers: accept });
    await expectDeleted(peer, manifestPath(digest));
    await peer.expect([404], manifestPath("two"), { headers: accept });
  }),
  check("a tag that goes by its name leaves a list, which is there without it", async (peer) => {
    const content = new Content();
    content.image({ tag: "goes" });
    content.tags.set("stays", content.manifests[0]!.digest);
    await pushContent(peer, content);
    await expectDeleted(peer, manifestPath("goes"));
    const { tags } = await tagsOf(peer);
    same("the tags", [tags.includes("goes"), tags.includes("stays")], [false, true]);
    await expectDeleted(peer, manifestPath(content.manifests[0]!.digest));
    holds("a tag is listed whose manifest is deleted", !(await tagsOf(peer)).tags.includes("stays"));
  }),
  check("blobs may go before the manifest over them, which goes then", async (peer) => {
    const content = new Content();
    content.image({ tag: "hollow" });
    await pushContent(peer, content);
    for (const digest of content.blobs.keys()) await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
    await expectDeleted(peer, manifestPath(content.manifests[0]!.digest));
    await peer.expect([404], manifestPath("hollow"), { headers: accept });
  }),
  check("an index that was deleted may be pushed again, and is there again", (peer) =>
    expectAgain(peer, contents["an index"]!()),
  ),
  check("a blob goes from one repository and stays in the others", async (peer) => {
    const content = randomContent();
    const digest = digestOf(content);
    for (const repository of ["checks/one", "checks/two"])
      await pushBlob(peer, { repository, content, digest });
    await expectDeleted(peer, `/v2/checks/one/blobs/${digest}`);
    await expectBlob(peer, "checks/two", content, "sha256");
  }),
  check("what was never there is 404", async (peer) => {
    const digest = digestOf(randomContent());
    const init = { method: "DELETE" };
    await peer.expectError([404], `/v2/checks/content/blobs/${digest}`, init, ["BLOB_UNKNOWN"]);
    await peer.expectError([404], manifestPath(digest), init, ["MANIFEST_UNKNOWN"]);
  }),
];
