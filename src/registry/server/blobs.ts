import { type Digest, isDigest } from "../../oci/index.ts";
import type { Call, Core } from "./core.ts";
import { holdBlob } from "./gc/hold.ts";
import { blobKey, blobLinkKey } from "./layout.ts";
import { parseRange } from "./protocol/range.ts";
import { Refusal, versionHeader } from "./protocol/refusal.ts";
import { encodeRecord } from "./records.ts";
import type { ObjectInfo } from "./storage/object-store.ts";

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
  if (!(await core.objects.head(blobLinkKey(repository, digest)))) return undefined;
  return core.objects.head(blobKey(digest));
}

/** Makes a stored blob readable through a repository. */
export async function linkBlob(core: Core, repository: string, digest: Digest): Promise<void> {
  await core.objects.put(blobLinkKey(repository, digest), encodeRecord({ linkedAt: Date.now() }));
}

/** GET and HEAD of a blob, whole or one range of it. */
export async function serveBlob(call: Call, repository: string, text: string): Promise<Response> {
  const digest = checkDigest(text);
  const find = call.method === "HEAD" ? holdBlob : findBlob;
  const info = await find(call.core, repository, digest);
  if (!info) throw blobUnknown(digest);
  const etag = `"${digest}"`;
  const headers: Record<string, string> = {
    ...versionHeader,
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    ETag: etag,
    "Cache-Control": "private, max-age=31536000, immutable",
  };
  if (call.request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers });
  const condition = call.request.headers.get("if-range");
  const asked = condition === null || condition === etag ? call.request.headers.get("range") : null;
  const range = parseRange(asked, info.size);
  if (range === "unsatisfiable")
    throw new Refusal("RANGE_INVALID", "the blob has no such range", {
      headers: { "Content-Range": `bytes */${info.size}` },
    });
  const length = range ? range.end - range.start : info.size;
  if (range) headers["Content-Range"] = `bytes ${range.start}-${range.end - 1}/${info.size}`;
  headers["Content-Length"] = String(length);
  const status = range ? 206 : 200;
  if (call.method === "HEAD") return new Response(null, { status, headers });

  const content = length > 0 ? await call.core.objects.get(blobKey(digest), range) : undefined;
  if (length > 0 && !content) throw blobUnknown(digest);
  call.core.emit({
    type: "blob.pulled",
    repository,
    actor: call.actor,
    at: Date.now(),
    digest,
    size: length,
  });
  return new Response(content?.body ?? null, { status, headers });
}

/** DELETE of a blob: it is gone from this repository; its bytes go when no repository holds them any more. */
export async function deleteBlob(call: Call, repository: string, text: string): Promise<Response> {
  const digest = checkDigest(text);
  if (!(await call.core.objects.delete(blobLinkKey(repository, digest)))) throw blobUnknown(digest);
  call.core.emit({ type: "blob.deleted", repository, actor: call.actor, at: Date.now(), digest });
  return new Response(null, { status: 202, headers: versionHeader });
}

function blobUnknown(digest: Digest): Refusal {
  return new Refusal("BLOB_UNKNOWN", "the repository holds no such blob", { detail: { digest } });
}
