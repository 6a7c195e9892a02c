import { expectBlob, expectDeleted, pushBlob } from "./blob-ways.ts";
import { Content } from "./content.ts";
import { accept, manifestPath, pushContent } from "./content-steps.ts";
import { type Check, checksOf, digestOf, randomContent } from "./peer.ts";

const check = checksOf("deletion");

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
