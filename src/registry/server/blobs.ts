import { type Digest, isDigest } from "../../oci/index.ts";
import type { Call, Core } from "./core.ts";
import { holdBlob, holdIfWritable } from "./gc/hold.ts";
import type { IncomingRequest } from "./http/request.ts";
import { blobKey, blobLinkKey } from "./layout.ts";
import { isNotModified } from "./protocol/condition.ts";
import { parseRange } from "./protocol/range.ts";
import { Refusal, versionHeader } from "./protocol/refusal.ts";
import { bytesOf, type Counted, deleteCounted, putCounted } from "./quota/counted.ts";
import { encodeRecord } from "./records.ts";
import { storageFault } from "./storage/fault.ts";
import type { ByteRange, ObjectContent, ObjectInfo } from "./storage/object-store.ts";

/** Bytes of a blob that is read whole before it is sent, where it comes as a stream. */
const wholeLimit = 1 << 20;

/** How long an address of the storage is good for. A download that began goes on. */
const addressSeconds = 20 * 60;

/** The digest of a path or query. Throws DIGEST_INVALID. */
export function checkDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new Refusal("DIGEST_INVALID", "this is not a sha256 or sha512 digest", {
    detail: text.slice(0, 160),
  });
}

/** A blob that this repository holds; undefined when it does not, whoever else does. */
export async function findBlob(
  core: Core,
  repository: string,
  digest: Digest,
): Promise<ObjectInfo | undefined> {
  // Both at once: where the storage is another machine each costs a way there and back.
  const [link, blob] = await Promise.all([
    core.objects.head(blobLinkKey(repository, digest)),
    core.objects.head(blobKey(digest)),
  ]);
  return link && blob;
}

/** A blob of a repository, as quotas count it. */
export function linkOf(core: Core, repository: string, digest: Digest): Counted {
  return { repository, key: blobLinkKey(repository, digest), amount: () => bytesOf(core, digest) };
}

/** Makes a stored blob readable through a repository. Throws DENIED beyond a quota. */
export async function linkBlob(core: Core, repository: string, digest: Digest): Promise<void> {
  await putCounted(core, linkOf(core, repository, digest), linkRecord());
}

/** What is stored under a blob's link. */
export function linkRecord(): Uint8Array {
  return encodeRecord({ linkedAt: Date.now() });
}

/** GET and HEAD of a blob, whole or one range of it. */
export async function serveBlob(call: Call, repository: string, text: string): Promise<Response> {
  const digest = checkDigest(text);
  const find = () => findBlob(call.core, repository, digest);
  const hold = () => holdIfWritable(() => holdBlob(call.core, repository, digest), find);
  const info = await (call.method === "HEAD" ? hold() : find());
  if (!info) throw blobUnknown(digest);
  if (isNotModified(call.request, `"${digest}"`))
    return new Response(null, { status: 304, headers: blobHeaders(digest) });
  const { status, headers, range } = blobAnswer(call.request, digest, info.size);
  const length = range ? range.end - range.start : info.size;
  if (call.method === "HEAD") return new Response(null, { status, headers });

  const answer = (await sentElsewhere(call.core, digest, info.size)) ?? (await sentHere());
  call.core.emit({
    type: "blob.pulled",
    repository,
    actor: call.actor,
    at: Date.now(),
    digest,
    size: length,
  });
  return answer;

  async function sentHere(): Promise<Response> {
    if (length === 0) return new Response(null, { status, headers });
    const content = await call.core.objects.get(blobKey(digest), range);
    if (!content) throw blobUnknown(digest);
    return new Response(await sendable(content.body, length), { status, headers });
  }
}

/** A large blob is had from the storage itself, where that may be. Its address is a secret of whoever may read the blob. */
async function sentElsewhere(core: Core, digest: Digest, size: number): Promise<Response | undefined> {
  const address =
    size > wholeLimit ? await core.objects.address?.(blobKey(digest), addressSeconds) : undefined;
  if (address === undefined) return undefined;
  const headers = { ...versionHeader, Location: address, "Docker-Content-Digest": digest };
  return new Response(null, { status: 307, headers: { ...headers, "Cache-Control": "no-store" } });
}

/**
 * A body as it can be sent. Bun.serve sends a stream without its Content-Length (oven-sh/bun#10507), so a small one is read
 * first: clients learn its length, and of a failure by a status in place of a broken connection.
 */
export async function sendable(
  body: ObjectContent["body"],
  length: number,
): Promise<Blob | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>> {
  if (body instanceof Blob || length > wholeLimit) return body;
  const bytes = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of body) {
    if (filled + chunk.byteLength > length) throw storageFault("a blob is longer than it should be");
    bytes.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled < length) throw storageFault("a blob ends before it should");
  return bytes;
}

/** Status and headers of an answer with a blob of `size` bytes, and the range that was asked for. Throws RANGE_INVALID. */
export function blobAnswer(
  request: IncomingRequest,
  digest: Digest,
  size: number,
): { readonly status: 200 | 206; readonly headers: Record<string, string>; readonly range?: ByteRange } {
  const headers = blobHeaders(digest);
  const condition = request.headers.get("if-range");
  const isSame = condition === null || condition === headers.ETag;
  // Ranges are for GET alone (RFC 9110, 14.2).
  const asked = isSame && request.method === "GET" ? request.headers.get("range") : null;
  const range = parseRange(asked, size);
  if (range === "unsatisfiable")
    throw new Refusal("RANGE_INVALID", "the blob has no such range", {
      headers: { "Content-Range": `bytes */${size}` },
    });
  headers["Content-Length"] = String(range ? range.end - range.start : size);
  if (!range) return { status: 200, headers };
  headers["Content-Range"] = `bytes ${range.start}-${range.end - 1}/${size}`;
  return { status: 206, headers, range };
}

/** Headers of every answer with a blob: what has a digest never changes. */
export function blobHeaders(digest: Digest): Record<string, string> {
  return {
    ...versionHeader,
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    ETag: `"${digest}"`,
    "Cache-Control": "private, max-age=31536000, immutable",
  };
}

/** DELETE of a blob: it is gone from this repository; its bytes go when no repository holds them any more. */
export async function deleteBlob(call: Call, repository: string, text: string): Promise<Response> {
  const digest = checkDigest(text);
  const link = linkOf(call.core, repository, digest);
  if (!(await deleteCounted(call.core, link, { until: Date.now() }))) throw blobUnknown(digest);
  call.core.emit({ type: "blob.deleted", repository, actor: call.actor, at: Date.now(), digest });
  return new Response(null, { status: 202, headers: versionHeader });
}

function blobUnknown(digest: Digest): Refusal {
  return new Refusal("BLOB_UNKNOWN", "the repository holds no such blob", { detail: { digest } });
}
