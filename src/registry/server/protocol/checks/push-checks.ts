import { expectBlob, expectDeleted, pushBlob, type Way, wholeWays } from "./blob-ways.ts";
import { type Algorithm, type Check, checksOf, digestOf, type Peer, randomContent } from "./peer.ts";

const repository = "checks/blobs";

/** A push whose content has another digest than it says. */
export async function expectRefused(peer: Peer, push: Way, algorithm: Algorithm, size: number) {
  const content = randomContent(size);
  const digest = digestOf(randomContent(), algorithm);
  await push(peer, { repository, content, digest, wrong: true });
  for (const absent of [digest, digestOf(content, algorithm)])
    await peer.expect([404], `/v2/${repository}/blobs/${absent}`, { method: "HEAD" });
}

/** A push, what is there after it, and its deletion. */
export async function expectPushed(peer: Peer, push: Way, algorithm: Algorithm, size: number, told = false) {
  const content = randomContent(size);
  const digest = digestOf(content, algorithm);
  await push(peer, { repository, content, digest, told });
  await expectBlob(peer, repository, content, algorithm);
  await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
}

/** Blobs in one algorithm that come whole or as a stream. */
export function pushChecks(algorithm: Algorithm): Check[] {
  const check = checksOf("push of blobs", algorithm);
  const ways = Object.entries(wholeWays);
  return [
    ...ways.map(([name, push]) => check(name, (peer) => expectPushed(peer, push, algorithm, 512))),
    ...ways
      .filter(([name]) => !name.startsWith("POST with"))
      .map(([name, push]) =>
        check(
          `${name}, the algorithm said at the beginning`,
          (peer) => expectPushed(peer, push, algorithm, 512, true),
          { dev: true },
        ),
      ),
    ...ways.map(([name, push]) =>
      check(`${name}: another digest is refused and nothing is stored`, (peer) =>
        expectRefused(peer, push, algorithm, 3000),
      ),
    ),
    ...[new Uint8Array(), new TextEncoder().encode("{}")].flatMap((content) =>
      ways.map(([name, push]) =>
        check(`a blob of ${content.length} bytes: ${name}`, async (peer) => {
          const digest = digestOf(content, algorithm);
          await push(peer, { repository, content, digest });
          await expectBlob(peer, repository, content, algorithm);
          await expectDeleted(peer, `/v2/${repository}/blobs/${digest}`);
        }),
      ),
    ),
    check("a blob that is there already is taken again", async (peer) => {
      const content = randomContent();
      const push = { repository, content, digest: digestOf(content, algorithm) };
      await pushBlob(peer, push);
      await pushBlob(peer, push);
      await expectBlob(peer, repository, content, algorithm);
      await expectDeleted(peer, `/v2/${repository}/blobs/${push.digest}`);
    }),
  ];
}
