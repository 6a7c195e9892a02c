import { expectBlob, pushBlob } from "./blob-ways.ts";
import { same } from "./claims.ts";
import { type Algorithm, bytesOf, type Check, checksOf, digestOf, type Peer, randomContent } from "./peer.ts";

const repository = "checks/pulls";
const pathOf = (digest: string) => `/v2/${repository}/blobs/${digest}`;

const size = 2048;
const ranges: readonly [string, number, [number, number] | undefined][] = [
  ["bytes=500-1499", 206, [500, 1500]],
  ["bytes=500-", 206, [500, size]],
  ["bytes=-500", 206, [size - 500, size]],
  ["bytes=2000-5000", 206, [2000, size]],
  ["bytes=0-0", 206, [0, 1]],
  ["bytes=-5000", 206, [0, size]],
  ["bytes=500-0", 416, undefined],
  ["bytes=2048-", 416, undefined],
  ["bytes=5000-10000", 416, undefined],
];

async function pushed(peer: Peer, algorithm: Algorithm, content = randomContent(size)) {
  const digest = digestOf(content, algorithm);
  await pushBlob(peer, { repository, content, digest });
  return { content, digest };
}

/** Blobs as they are pulled: these hold where pulls come from a cache too. */
export function pullChecks(algorithm: Algorithm): Check[] {
  const check = checksOf("pull of blobs", algorithm);
  const rangeCheck = checksOf("ranges", algorithm);
  return [
    check("what was never pushed is 404", async (peer) => {
      const path = pathOf(digestOf(randomContent(), algorithm));
      await peer.expectError([404], path, {}, ["BLOB_UNKNOWN", "NAME_UNKNOWN"]);
      await peer.expectError([404], path, { method: "HEAD" });
    }),
    check("HEAD and GET", async (peer) => {
      const { content } = await pushed(peer, algorithm);
      for (let round = 0; round < 2; round++) await expectBlob(peer, repository, content, algorithm);
    }),
    ...[new Uint8Array(), new TextEncoder().encode("{}")].map((content) =>
      check(`a blob of ${content.length} bytes`, async (peer) => {
        await pushed(peer, algorithm, content);
        await expectBlob(peer, repository, content, algorithm);
      }),
    ),
    check("what is in another repository is not in this one", async (peer) => {
      const { digest } = await pushed(peer, algorithm);
      await peer.expectError([404], `/v2/checks/elsewhere/blobs/${digest}`);
    }),
    ...ranges.map(([range, status, slice]) =>
      rangeCheck(range, async (peer) => {
        const { content, digest } = await pushed(peer, algorithm);
        const got = await peer.expect([status], pathOf(digest), { headers: { Range: range } });
        if (!slice) return;
        const [start, end] = slice;
        same("the part", await bytesOf(got), content.slice(start, end));
        same("Content-Length", got.headers.get("content-length"), String(end - start));
        // The whole length may be left unsaid.
        const said = got.headers.get("content-range")?.replace("/*", `/${size}`);
        same("Content-Range", said, `bytes ${start}-${end - 1}/${size}`);
      }),
    ),
  ];
}

/** A digest that is none is refused, or simply not there. */
export const malformedDigestCheck: Check = {
  subject: "pull of blobs",
  name: "a malformed digest is refused",
  run: async (peer) => {
    for (const digest of ["sha256:baddigeststring", "sha256:", "sha256:..%2f..%2fx", "md5:00"])
      await peer.expect([400, 404], pathOf(digest));
  },
};
