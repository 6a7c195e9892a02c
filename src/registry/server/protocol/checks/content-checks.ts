import { expectDeleted } from "./blob-ways.ts";
import { Content } from "./content.ts";
import { accept, expectPulled, manifestPath, pushContent, repository } from "./content-steps.ts";
import { contents, sparseContents } from "./contents.ts";
import type { Check, Peer } from "./peer.ts";
import { expectReferrers } from "./referrer-list.ts";
import { expectListed } from "./tag-list.ts";

/** Pushed, it is listed, can be asked for and pulled, and its referrers are known. */
async function expectLife(peer: Peer, content: Content, parameters = false): Promise<void> {
  await pushContent(peer, content, parameters);
  await expectListed(peer, content);
  await expectPulled(peer, content);
  await expectReferrers(peer, content);
}

/** Tags first, then what is above before what is below it, then blobs: each is gone at once. */
async function expectEnd(peer: Peer, content: Content): Promise<void> {
  const [first] = content.tags.keys();
  // Not every registry deletes tags alone: that is asked by a check of its own.
  const alone = first === undefined || (await peer.call(manifestPath(first), { method: "DELETE" })).ok;
  for (const tag of content.tags.keys()) {
    if (alone && tag !== first) await expectDeleted(peer, manifestPath(tag));
    if (alone) await peer.expect([404], manifestPath(tag), { method: "HEAD", headers: accept });
  }
  for (const { digest } of [...content.manifests].reverse()) await expectDeleted(peer, manifestPath(digest));
  for (const tag of content.tags.keys()) await peer.expect([404], manifestPath(tag), { headers: accept });
  for (const digest of content.blobs.keys()) await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
}

function lifeOf(name: string, make: () => Content): Check {
  return {
    subject: "content",
    name,
    run: async (peer) => {
      const content = make();
      await expectLife(peer, content);
      await expectEnd(peer, content);
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

/** Each kind of content from its push to its end. */
export const contentChecks: readonly Check[] = [
  ...Object.entries({ ...contents, ...sparseContents }).map(([name, make]) => lifeOf(name, make)),
  ...(["sha256", "sha512"] as const).map(
    (algorithm): Check => ({
      subject: "tag parameters",
      name: `${algorithm}: a tag for each manifest, eleven for one`,
      dev: true,
      run: async (peer) => {
        const content = tagged(algorithm === "sha512" ? algorithm : undefined);
        await expectLife(peer, content, true);
        await expectEnd(peer, content);
      },
    }),
  ),
];

/** The same up to its end: what is deleted where it came from stays in a cache. */
export const contentPullChecks: readonly Check[] = Object.entries(contents).map(([name, make]) => ({
  subject: "content",
  name,
  run: (peer) => expectLife(peer, make()),
}));
