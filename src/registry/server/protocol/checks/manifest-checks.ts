import { streamOf } from "./blob-ways.ts";
import { same } from "./claims.ts";
import { Content } from "./content.ts";
import { accept, manifestPath, type Pushed, pushContent, putManifest } from "./content-steps.ts";
import { contents } from "./contents.ts";
import { type Check, checksOf, digestOf, type Peer, randomContent } from "./peer.ts";

async function pushedImage(peer: Peer): Promise<Pushed> {
  const content = new Content();
  content.image();
  await pushContent(peer, content);
  return content.manifests[0]!;
}

const check = checksOf("manifests");

/** What a manifest is refused for, and how it may be sent. */
export const manifestChecks: readonly Check[] = [
  check("under another digest it is refused", async (peer) => {
    const { body, digest, mediaType } = await pushedImage(peer);
    const init = { method: "PUT", body: `${body}  `, headers: { "Content-Type": mediaType } };
    for (const reference of [digest, digestOf(body, "sha512")])
      await peer.expectError([400], manifestPath(reference), init, ["DIGEST_INVALID", "MANIFEST_INVALID"]);
    await peer.expect([404], manifestPath(digestOf(init.body)));
  }),
  check("under a malformed digest it is refused", async (peer) => {
    const { body, mediaType } = await pushedImage(peer);
    const init = { method: "PUT", body, headers: { "Content-Type": mediaType } };
    await peer.expectError([400], manifestPath("sha256:baddigeststring"), init);
  }),
  check("under a malformed tag it is refused", async (peer) => {
    const { body, mediaType } = await pushedImage(peer);
    const init = { method: "PUT", body, headers: { "Content-Type": mediaType } };
    for (const tag of [".x", "-x", "t".repeat(129)]) await peer.expect([400, 404], manifestPath(tag), init);
  }),
  check("the longest tag is taken", async (peer) => {
    await putManifest(peer, "T_".repeat(64), await pushedImage(peer));
  }),
  check("what is no manifest is refused", async (peer) => {
    for (const body of ["", "{", "[]", "null"]) {
      const headers = { "Content-Type": "application/vnd.oci.image.manifest.v1+json" };
      await peer.expectError([400], manifestPath("broken"), { method: "PUT", body, headers });
    }
    await peer.expect([404], manifestPath("broken"));
  }),
  check("its length need not be said before", async (peer) => {
    for (const name of ["an image", "an index", "a manifest of almost 4 MiB"] as const) {
      const content = contents[name]!();
      await pushContent(peer, content);
      const manifest = content.manifests.at(-1)!;
      const as = streamOf(new TextEncoder().encode(manifest.body));
      await putManifest(peer, "stream", manifest, { as });
    }
  }),
  check("it may be pushed again, under its digest and under a tag it has", async (peer) => {
    const manifest = await pushedImage(peer);
    for (const reference of ["again", "again", manifest.digest]) await putManifest(peer, reference, manifest);
  }),
  check("a tag moves, and what it pointed to stays", async (peer) => {
    const [first, second] = [await pushedImage(peer), await pushedImage(peer)];
    for (const manifest of [first, second]) await putManifest(peer, "moves", manifest);
    const got = await peer.expect([200], manifestPath(first.digest), { headers: accept });
    same("the manifest that had the tag before", await got.text(), first.body);
  }),
];

/** Manifests that are not there: these hold where pulls come from a cache too. */
export const missingManifestChecks: readonly Check[] = [
  check("one that is missing is 404, by tag and by digest, in the spec's form", async (peer) => {
    await pushedImage(peer);
    for (const reference of [`missing-${crypto.randomUUID().slice(0, 8)}`, digestOf(randomContent())])
      for (const method of ["GET", "HEAD"])
        await peer.expectError([404], manifestPath(reference), { method }, ["MANIFEST_UNKNOWN"]);
  }),
  check("a malformed tag is not there", async (peer) => {
    await pushedImage(peer);
    for (const tag of [".never", "-never", "NEVER!"])
      for (const method of ["GET", "HEAD"]) await peer.expect([404], manifestPath(tag), { method });
  }),
  check("a malformed digest is refused, or not there", (peer) =>
    peer.expectError([400, 404], manifestPath("sha256:baddigeststring")),
  ),
  check("in a repository that never was, one is 404", (peer) =>
    peer.expectError([404], manifestPath("latest", "checks/never"), {}, ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"]),
  ),
];
