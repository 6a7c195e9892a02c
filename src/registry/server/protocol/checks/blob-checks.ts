import { expect } from "bun:test";
import { begin, blobWays, expectBlob, expectDeleted } from "./blob-ways.ts";
import {
  type Algorithm,
  type Check,
  digestOf,
  expectDigest,
  locationOf,
  type Peer,
  randomContent,
} from "./peer.ts";

const repository = "checks/blobs";
const other = "checks/other";
const pathOf = (digest: string, name = repository) => `/v2/${name}/blobs/${digest}`;

async function pushed(peer: Peer, algorithm: Algorithm, name = repository, content = randomContent()) {
  const digest = digestOf(content, algorithm);
  await blobWays["POST, then PUT"]!(peer, { repository: name, content, digest });
  return { content, digest };
}

const ranges: readonly [string, number, [number, number] | undefined][] = [
  ["bytes=500-1499", 206, [500, 1500]],
  ["bytes=500-", 206, [500, 2048]],
  ["bytes=-500", 206, [1548, 2048]],
  ["bytes=2000-5000", 206, [2000, 2048]],
  ["bytes=0-0", 206, [0, 1]],
  ["bytes=500-0", 416, undefined],
  ["bytes=5000-10000", 416, undefined],
];

function mountChecks(algorithm: Algorithm): Check[] {
  const mount = async (peer: Peer, digest: string, from?: string) =>
    peer.expect([201, 202], `/v2/${repository}/blobs/uploads/`, {
      ...{ method: "POST", query: { mount: digest, ...(from === undefined ? {} : { from }) } },
    });
  const check = (name: string, from: string | undefined): Check => ({
    name: `${algorithm} blobs: ${name}`,
    run: async (peer) => {
      const { content, digest } = await pushed(peer, algorithm, other);
      const mounted = await mount(peer, digest, from);
      expect(mounted.status).toBe(201);
      expectDigest(mounted, digest);
      expect(new Uint8Array(await (await peer.expect([200], locationOf(mounted))).arrayBuffer())).toEqual(
        content,
      );
      await expectBlob(peer, repository, content, algorithm);
      await expectDeleted(peer, pathOf(digest));
      // The repository it came from still has it.
      await expectBlob(peer, other, content, algorithm);
      await expectDeleted(peer, pathOf(digest, other));
    },
  });
  return [
    check("mount", other),
    check("mount without from", undefined),
    {
      name: `${algorithm} blobs: a mount of what is not there becomes an upload`,
      run: async (peer) => {
        const content = randomContent();
        const digest = digestOf(content, algorithm);
        const begun = await mount(peer, digest, other);
        expect(begun.status).toBe(202);
        const body = content;
        await peer.expect([201], locationOf(begun), { method: "PUT", body, query: { digest } });
        await expectBlob(peer, repository, content, algorithm);
        await expectDeleted(peer, pathOf(digest));
      },
    },
  ];
}

/** Blobs in one algorithm: every way in, ranges, mounts, cancellation, wrong digests. */
export function blobChecks(algorithm: Algorithm): Check[] {
  const named = (name: string, run: Check["run"]): Check => ({ name: `${algorithm} blobs: ${name}`, run });
  const ways = Object.entries(blobWays);
  return [
    named("what was never pushed is 404", (peer) =>
      peer.expectError([404], pathOf(digestOf(randomContent(), algorithm))),
    ),
    ...ways.map(([name, push]) =>
      named(name, async (peer) => {
        const content = randomContent(3 * 1024 - 5);
        const digest = digestOf(content, algorithm);
        await push(peer, { repository, content, digest });
        await expectBlob(peer, repository, content, algorithm);
        await expectDeleted(peer, pathOf(digest));
      }),
    ),
    ...ways
      .filter(([name]) => !name.includes("order"))
      .map(([name, push]) =>
        named(`${name}: another digest is refused and nothing is stored`, async (peer) => {
          const content = randomContent(3 * 1024 - 5);
          const digest = digestOf(randomContent(), algorithm);
          await push(peer, { repository, content, digest, wrong: true });
          for (const absent of [digest, digestOf(content, algorithm)])
            await peer.expect([404], pathOf(absent), { method: "HEAD" });
        }),
      ),
    ...mountChecks(algorithm),
    named("cancel", async (peer) => {
      const content = randomContent();
      const location = await begin(peer, { repository, content, digest: digestOf(content, algorithm) });
      await peer.expect([204], location, { method: "DELETE" });
      await peer.expectError([404], location);
    }),
    named("an upload's status", async (peer) => {
      const content = randomContent();
      const location = await begin(peer, { repository, content, digest: digestOf(content, algorithm) });
      locationOf(await peer.expect([204], location));
      const body = content;
      const taken = await peer.expect([202], location, { method: "PATCH", body });
      const status = await peer.expect([204], locationOf(taken));
      expect([status.headers.get("range"), await status.text()]).toEqual(["0-511", ""]);
    }),
    ...[new Uint8Array(), new TextEncoder().encode("{}")].map((content) =>
      named(`a blob of ${content.length} bytes`, async (peer) => {
        await pushed(peer, algorithm, repository, content);
        await expectBlob(peer, repository, content, algorithm);
        await expectDeleted(peer, pathOf(digestOf(content, algorithm)));
      }),
    ),
    ...ranges.map(([range, status, slice]) =>
      named(`Range ${range}`, async (peer) => {
        const { content, digest } = await pushed(peer, algorithm, repository, randomContent(2048));
        const got = await peer.expect([status], pathOf(digest), { headers: { Range: range } });
        if (!slice) return;
        expect(new Uint8Array(await got.arrayBuffer())).toEqual(content.slice(...slice));
        expect(got.headers.get("content-length")).toBe(String(slice[1] - slice[0]));
        expect(got.headers.get("content-range")).toBe(`bytes ${slice[0]}-${slice[1] - 1}/2048`);
      }),
    ),
  ];
}
