import { expectDeleted } from "./blob-ways.ts";
import { holds, same } from "./claims.ts";
import { Content } from "./content.ts";
import { manifestPath, pushContent, putManifest } from "./content-steps.ts";
import { contents } from "./contents.ts";
import { expectAgain } from "./deletion-checks.ts";
import { type Check, checksOf, digestOf, type Peer, randomContent } from "./peer.ts";
import { expectReferrers, referrersOf } from "./referrer-list.ts";

const check = checksOf("referrers");

async function pushed(peer: Peer): Promise<{ content: Content; subject: string }> {
  const content = contents["artifacts about an image"]!();
  await pushContent(peer, content);
  return { content, subject: [...content.referrers.keys()][0]! };
}

/** Lists of referrers ("Listing Referrers"): these hold where pulls come from a cache too. */
export const referrerChecks: readonly Check[] = [
  check("what nothing refers to has an empty list, in a repository that never was too", async (peer) => {
    for (const name of ["checks/content", "checks/never"]) {
      const { manifests } = await referrersOf(peer, digestOf(randomContent()), {}, name);
      same("its referrers", manifests, []);
    }
  }),
  check("a malformed digest is refused", (peer) =>
    peer.expectError([400], "/v2/checks/content/referrers/sha256:baddigeststring"),
  ),
  check("they are whole with pages that Links lead through", async (peer) => {
    const { content, subject } = await pushed(peer);
    const seen: unknown[] = [];
    for (let query: Record<string, string> = { n: "1" }, pages = 0; ; pages++) {
      holds("the Links lead in a circle", pages < 10);
      const { manifests, response } = await referrersOf(peer, subject, query);
      seen.push(...manifests.map(({ digest }) => digest));
      const next = /^<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      if (next === undefined) break;
      query = Object.fromEntries(new URL(next, peer.url).searchParams);
    }
    const wanted = content.referrers.get(subject)!.map(({ digest }) => digest);
    same("the referrers of all pages", seen.sort(), wanted.sort());
  }),
];

/** What pushes and deletions do to the list. */
export const referrerChangeChecks: readonly Check[] = [
  check("one that is pushed before its subject is listed when the subject comes", async (peer) => {
    const content = contents["artifacts about an image"]!();
    const [subject, ...about] = content.manifests;
    for (const manifest of [...about, subject!]) {
      const part = new Content();
      for (const [digest, bytes] of content.blobs) part.blobs.set(digest, bytes);
      part.manifests.push(manifest);
      await pushContent(peer, part);
    }
    await expectReferrers(peer, content);
  }),
  check("one that is pushed again is listed once", async (peer) => {
    const { content } = await pushed(peer);
    for (const manifest of content.manifests) await putManifest(peer, "pushed-again", manifest);
    await expectReferrers(peer, content);
  }),
  check("one that is deleted is not listed, and the others are", async (peer) => {
    const { content, subject } = await pushed(peer);
    const [gone, ...others] = content.referrers.get(subject)!;
    await expectDeleted(peer, manifestPath(gone!.digest));
    const { manifests } = await referrersOf(peer, subject);
    same(
      "the referrers that are left",
      manifests.map(({ digest }) => digest as string).sort(),
      others.map(({ digest }) => digest).sort(),
    );
  }),
  check("deleted with their subject and pushed again, they are listed again", (peer) =>
    expectAgain(peer, contents["artifacts about an image"]!()),
  ),
  check("they stay when their subject is deleted", async (peer) => {
    const { content, subject } = await pushed(peer);
    await expectDeleted(peer, manifestPath(subject));
    await expectReferrers(peer, content);
  }),
];
