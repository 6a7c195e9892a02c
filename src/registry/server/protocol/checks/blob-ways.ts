import { expect } from "bun:test";
import { type Algorithm, type Bytes, digestOf, expectDigest, locationOf, type Peer } from "./peer.ts";

export interface BlobPush {
  readonly repository: string;
  readonly content: Bytes;
  readonly digest: string;
  /** The content has another digest than is said: the end has to be a 400. */
  readonly wrong?: boolean;
}

type Way = (peer: Peer, push: BlobPush) => Promise<void>;
const octets = { "Content-Type": "application/octet-stream" };

/** The end of an upload: the blob is where its Location says, or it is refused. */
async function finish(peer: Peer, path: string, push: BlobPush, init: RequestInit = {}): Promise<void> {
  const request = { method: "PUT", ...init, query: { digest: push.digest } };
  if (push.wrong) return peer.expectError([400], path, request);
  await expectThere(peer, await peer.expect([201], path, request), push);
}

async function expectThere(peer: Peer, created: Response, { content, digest }: BlobPush): Promise<void> {
  expectDigest(created, digest);
  const got = await peer.expect([200], locationOf(created));
  expect(new Uint8Array(await got.arrayBuffer())).toEqual(content);
}

export async function begin(peer: Peer, { repository, digest }: BlobPush): Promise<string> {
  const algorithm = digest.slice(0, 6) as Algorithm;
  const query: Record<string, string> = algorithm === "sha256" ? {} : { "digest-algorithm": algorithm };
  const begun = await peer.expect([202], `/v2/${repository}/blobs/uploads/`, { method: "POST", query });
  expect(await begun.text()).toBe("");
  return locationOf(begun);
}

function chunked({ lastInPut, outOfOrder }: { lastInPut?: boolean; outOfOrder?: boolean }): Way {
  return async (peer, push) => {
    const { content } = push;
    const size = Math.ceil(content.length / 3);
    let location = await begin(peer, push);
    const rangeOf = (start: number) => [start, Math.min(start + size, content.length)] as const;
    const chunk = ([start, end]: readonly [number, number]) => ({
      body: content.slice(start, end),
      headers: { ...octets, "Content-Range": `${start}-${end - 1}` },
    });
    for (let start = 0; start < content.length; start += size) {
      if (outOfOrder) {
        // One too far, and at the end one that was there already.
        const wrong = rangeOf(start + size < content.length ? start + size : 0);
        const asPut = lastInPut && wrong[1] === content.length;
        const method = asPut ? "PUT" : "PATCH";
        const query: Record<string, string> = asPut ? { digest: push.digest } : {};
        await peer.expect([416], location, { method, query, ...chunk(wrong) });
        const status = await peer.expect([204], location);
        if (start > 0) expect(status.headers.get("range")).toBe(`0-${start - 1}`);
        location = locationOf(status);
      }
      const range = rangeOf(start);
      if (lastInPut && range[1] === content.length) return finish(peer, location, push, chunk(range));
      const taken = await peer.expect([202], location, { method: "PATCH", ...chunk(range) });
      expect(taken.headers.get("range")).toBe(`0-${range[1] - 1}`);
      location = locationOf(taken);
    }
    await finish(peer, location, push, { headers: octets });
  };
}

/** Every way in which the distribution-spec lets a client push a blob ("Pushing Blobs"). */
export const blobWays: Readonly<Record<string, Way>> = {
  "POST with everything": async (peer, push) => {
    const init = { method: "POST", body: push.content, headers: octets };
    const path = `/v2/${push.repository}/blobs/uploads/`;
    const query = { digest: push.digest };
    if (push.wrong) return peer.expectError([400], path, { ...init, query });
    await expectThere(peer, await peer.expect([201], path, { ...init, query }), push);
  },
  "POST, then PUT": async (peer, push) =>
    finish(peer, await begin(peer, push), push, { body: push.content, headers: octets }),
  "one chunk": async (peer, push) => {
    const headers = { ...octets, "Content-Range": `0-${push.content.length - 1}` };
    const body = push.content;
    const taken = await peer.expect([202], await begin(peer, push), { method: "PATCH", body, headers });
    await finish(peer, locationOf(taken), push, { headers: octets });
  },
  "three chunks": chunked({}),
  "three chunks, the last with the PUT": chunked({ lastInPut: true }),
  "chunks out of order are 416 and harm nothing": chunked({ outOfOrder: true }),
  "chunks out of order, the last with the PUT": chunked({ outOfOrder: true, lastInPut: true }),
  stream: async (peer, push) => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(push.content);
        controller.close();
      },
    });
    const init = { method: "PATCH", body, headers: octets };
    const taken = await peer.expect([202], await begin(peer, push), init);
    await finish(peer, locationOf(taken), push);
  },
};

/** HEAD and GET of a blob that is there. */
export async function expectBlob(peer: Peer, repository: string, content: Bytes, algorithm: Algorithm) {
  const digest = digestOf(content, algorithm);
  for (const method of ["HEAD", "GET"]) {
    const response = await peer.expect([200], `/v2/${repository}/blobs/${digest}`, { method });
    expect(response.headers.get("content-length")).toBe(String(content.length));
    expectDigest(response, digest);
    const body = new Uint8Array(await response.arrayBuffer());
    expect(body).toEqual(method === "HEAD" ? new Uint8Array() : content);
  }
}

/** A deleted blob is gone at once. */
export async function expectDeleted(peer: Peer, path: string): Promise<void> {
  const gone = await peer.expect([202], path, { method: "DELETE" });
  expect(await gone.text()).toBe("");
  await peer.expect([404], path, { method: "HEAD" });
  await peer.expectError([404], path);
  await peer.expectError([404], path, { method: "DELETE" });
}
