import { begin, chunkOf, chunkWays, disorderedWays, expectBlob, octets, statusOf } from "./blob-ways.ts";
import { same } from "./claims.ts";
import {
  type Algorithm,
  type Check,
  checksOf,
  digestOf,
  locationOf,
  type Peer,
  randomContent,
} from "./peer.ts";
import { expectPushed, expectRefused } from "./push-checks.ts";

const repository = "checks/blobs";

/** Enough for three chunks, the last one shorter. */
const sizeFor = async (peer: Peer) => 3 * Math.max(1024, await peer.chunkMinimum()) - 5;

/** Blobs in one algorithm that come in chunks. */
export function chunkChecks(algorithm: Algorithm): Check[] {
  const check = checksOf("chunks", algorithm);
  const ways = Object.entries({ ...chunkWays, ...disorderedWays });
  return [
    ...ways.map(([name, push]) =>
      check(name, async (peer) => expectPushed(peer, push, algorithm, await sizeFor(peer))),
    ),
    check(
      "three chunks, the algorithm said at the beginning",
      async (peer) => expectPushed(peer, chunkWays["three chunks"]!, algorithm, await sizeFor(peer), true),
      { dev: true },
    ),
    ...Object.entries(chunkWays).map(([name, push]) =>
      check(`${name}: another digest is refused and nothing is stored`, async (peer) =>
        expectRefused(peer, push, algorithm, await sizeFor(peer)),
      ),
    ),
    check("a first chunk that does not begin at 0 is 416", async (peer) => {
      const content = randomContent(await sizeFor(peer));
      const location = await begin(peer, { repository, content, digest: digestOf(content, algorithm) });
      const later = chunkOf(content, Math.ceil(content.length / 2), content.length);
      await peer.expect([416], location, { method: "PATCH", ...later });
    }),
    check("a chunk that was there already is 416, at its old Location too", async (peer) => {
      const content = randomContent(await sizeFor(peer));
      const digest = digestOf(content, algorithm);
      const half = Math.ceil(content.length / 2);
      const first = await begin(peer, { repository, content, digest });
      const taken = await peer.expect([202], first, { method: "PATCH", ...chunkOf(content, 0, half) });
      same("the Range after a chunk", taken.headers.get("range"), `0-${half - 1}`);
      await peer.expect([416], first, { method: "PATCH", ...chunkOf(content, 0, half) });
      const status = await statusOf(peer, first);
      same("the Range after the same chunk", status.range, `0-${half - 1}`);
      const rest = { method: "PATCH", ...chunkOf(content, half, content.length) };
      const last = await peer.expect([202], status.location, rest);
      await peer.expect([201], locationOf(last), { method: "PUT", query: { digest } });
      await expectBlob(peer, repository, content, algorithm);
    }),
    check("a Content-Range that is none is refused", async (peer) => {
      const content = randomContent();
      const location = await begin(peer, { repository, content, digest: digestOf(content, algorithm) });
      for (const range of ["nonsense", "9-0"]) {
        const headers = { ...octets, "Content-Range": range };
        await peer.expectError([400, 416], location, { method: "PATCH", body: content, headers });
      }
    }),
  ];
}
