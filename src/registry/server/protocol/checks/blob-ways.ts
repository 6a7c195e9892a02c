import { holds, same } from "./claims.ts";
import {
  type Algorithm,
  type Bytes,
  bytesOf,
  digestOf,
  expectDigest,
  locationOf,
  type Peer,
  type PeerRequest,
} from "./peer.ts";

export interface BlobPush {
  readonly repository: string;
  readonly content: Bytes;
  readonly digest: string;
  /** The content has another digest than is said: the end has to be a 400. */
  readonly wrong?: boolean;
  /** The registry is told the algorithm when the upload begins. */
  readonly told?: boolean;
}

export type Way = (peer: Peer, push: BlobPush) => Promise<void>;
export const octets = { "Content-Type": "application/octet-stream" };

/** The end of an upload: the blob is where its Location says, or it is refused. */
async function finish(peer: Peer, path: string, push: BlobPush, init: RequestInit = {}): Promise<void> {
  const request: PeerRequest = { method: "PUT", ...init, query: { digest: push.digest } };
  if (push.wrong) return peer.expectError([400], path, request, ["DIGEST_INVALID"]);
  await expectThere(peer, await peer.expect([201], path, request), push);
}

async function expectThere(peer: Peer, created: Response, { content, digest }: BlobPush): Promise<void> {
  expectDigest(created, digest);
  same("the blob at its Location", await bytesOf(await peer.expect([200], locationOf(created))), content);
}

/** Begins an upload: its Location. */
export async function begin(peer: Peer, { repository, digest, told }: BlobPush): Promise<string> {
  const query: Record<string, string> = told ? { "digest-algorithm": digest.slice(0, 6) } : {};
  const begun = await peer.expect([202], `/v2/${repository}/blobs/uploads/`, { method: "POST", query });
  same("the body of an answer 202", await begun.text(), "");
  return locationOf(begun);
}

/** How much of an upload the registry says it has: its Location, and the last byte. */
export async function statusOf(
  peer: Peer,
  location: string,
): Promise<{ readonly location: string; readonly range: string }> {
  const status = await peer.expect([204], location);
  const range = status.headers.get("range") ?? "";
  holds(`the Range of an upload is "${range}"`, /^0-\d+$/.test(range));
  return { location: locationOf(status), range };
}

/** A part of the content as the request that brings it. */
export function chunkOf(content: Bytes, start: number, end: number): Pick<PeerRequest, "body" | "headers"> {
  return { body: content.slice(start, end), headers: { ...octets, "Content-Range": `${start}-${end - 1}` } };
}

function chunked({ lastInPut, outOfOrder }: { lastInPut?: boolean; outOfOrder?: boolean }): Way {
  return async (peer, push) => {
    const { content } = push;
    const size = Math.max(Math.ceil(content.length / 3), await peer.chunkMinimum());
    let location = await begin(peer, push);
    const rangeOf = (start: number) => [start, Math.min(start + size, content.length)] as const;
    for (let start = 0; start < content.length; start += size) {
      if (outOfOrder) {
        // One too far, and at the end one that was there already.
        const wrong = rangeOf(start + size < content.length ? start + size : 0);
        const asPut = lastInPut && wrong[1] === content.length;
        const method = asPut ? "PUT" : "PATCH";
        const query: Record<string, string> = asPut ? { digest: push.digest } : {};
        await peer.expect([416], location, { method, query, ...chunkOf(content, ...wrong) });
        const status = await statusOf(peer, location);
        if (start > 0) same("the Range after a chunk out of order", status.range, `0-${start - 1}`);
        location = status.location;
      }
      const range = rangeOf(start);
      const chunk = chunkOf(content, ...range);
      if (lastInPut && range[1] === content.length) return finish(peer, location, push, chunk);
      const taken = await peer.expect([202], location, { method: "PATCH", ...chunk });
      same("the Range after a chunk", taken.headers.get("range"), `0-${range[1] - 1}`);
      location = locationOf(taken);
    }
    await finish(peer, location, push, { headers: octets });
  };
}

/** Ways to push a blob whole or as a stream (distribution-spec, "Pushing Blobs"). */
export const wholeWays: Readonly<Record<string, Way>> = {
  "POST with everything": async (peer, push) => {
    const path = `/v2/${push.repository}/blobs/uploads/`;
    const query = { digest: push.digest };
    const init = { method: "POST", body: push.content, headers: octets, query };
    if (push.wrong) return peer.expectError([400], path, init, ["DIGEST_INVALID"]);
    await expectThere(peer, await peer.expect([201], path, init), push);
  },
  "POST, then PUT": async (peer, push) =>
    finish(peer, await begin(peer, push), push, { body: push.content, headers: octets }),
  stream: patched(({ content }) => streamOf(content)),
  "PATCH with everything, then PUT": patched(({ content }) => content),
};

/** All of it in one PATCH that names no range. */
function patched(bodyOf: (push: BlobPush) => NonNullable<PeerRequest["body"]>): Way {
  return async (peer, push) => {
    const init = { method: "PATCH", body: bodyOf(push), headers: octets };
    const taken = await peer.expect([202], await begin(peer, push), init);
    await finish(peer, locationOf(taken), push, { headers: octets });
  };
}

/** Ways to push it in chunks ("Pushing a blob in chunks"). */
export const chunkWays: Readonly<Record<string, Way>> = {
  "one chunk": async (peer, push) => {
    const chunk = chunkOf(push.content, 0, push.content.length);
    const taken = await peer.expect([202], await begin(peer, push), { method: "PATCH", ...chunk });
    await finish(peer, locationOf(taken), push, { headers: octets });
  },
  "three chunks": chunked({}),
  "three chunks, the last with the PUT": chunked({ lastInPut: true }),
};

/** Chunks that are not the next: refused, and nothing is lost by it. */
export const disorderedWays: Readonly<Record<string, Way>> = {
  "chunks out of order are 416 and harm nothing": chunked({ outOfOrder: true }),
  "chunks out of order, the last with the PUT": chunked({ outOfOrder: true, lastInPut: true }),
};

/** A body of a length that nobody knows before it ends (Transfer-Encoding: chunked). */
export function streamOf(...parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

/** Pushes a blob nobody cares how. */
export const pushBlob: Way = wholeWays["POST, then PUT"]!;

/** HEAD and GET of a blob that is there. */
export async function expectBlob(
  peer: Peer,
  repository: string,
  content: Bytes,
  algorithm: Algorithm,
): Promise<void> {
  const digest = digestOf(content, algorithm);
  for (const method of ["HEAD", "GET"]) {
    const response = await peer.expect([200], `/v2/${repository}/blobs/${digest}`, { method });
    same(`Content-Length (${method})`, response.headers.get("content-length"), String(content.length));
    expectDigest(response, digest);
    same(`the body (${method})`, await bytesOf(response), method === "HEAD" ? new Uint8Array() : content);
  }
}

/** What is deleted is gone at once. */
export async function expectDeleted(peer: Peer, path: string): Promise<void> {
  const gone = await peer.expect([202], path, { method: "DELETE" });
  same("the body of an answer 202", await gone.text(), "");
  await peer.expect([404], path, { method: "HEAD" });
  await peer.expectError([404], path);
  await peer.expectError([404], path, { method: "DELETE" });
}
