import { StrakeError } from "../../errors/index.ts";
import { createDigester, type Digest, type DigestAlgorithm, digestAlgorithm } from "../../oci/index.ts";
import { checkDigest, linkBlob, linkOf, linkRecord } from "./blobs.ts";
import type { Call } from "./core.ts";
import { spare } from "./gc/condemned.ts";
import { holdBlob } from "./gc/hold.ts";
import { blobKey } from "./layout.ts";
import { parseLabel, type UploadLabel } from "./open-uploads.ts";
import { parseContentRange } from "./protocol/range.ts";
import { Refusal, versionHeader } from "./protocol/refusal.ts";
import { checkRepository } from "./protocol/route.ts";
import { putCounted } from "./quota/counted.ts";
import { OverQuota } from "./quota/ledger.ts";
import { checkUploadRoom, keepRoom, withinRoom } from "./quota/upload-room.ts";
import { type Turn, takeable } from "./sessions.ts";
import type { Upload } from "./storage/object-store.ts";

/** POST .../blobs/uploads/: a mount, a whole blob, or the beginning of an upload. */
export async function beginUpload(call: Call, repository: string): Promise<Response> {
  const mount = call.query.get("mount");
  if (mount !== null) {
    const mounted = await mountBlob(call, repository, checkDigest(mount));
    if (mounted) return mounted;
  }
  const whole = call.query.get("digest");
  const digest = whole === null ? undefined : checkDigest(whole);
  // A mount that became an upload is of the blob that was to be mounted.
  const meant = digest ?? (mount === null ? undefined : checkDigest(mount));
  const algorithm = meant ? digestAlgorithm(meant) : parseAlgorithm(call.query.get("digest-algorithm"));
  const { core, actor } = call;
  await checkUploadRoom(call, repository, digest);
  await core.openUploads.makeRoom(actor, call.client());
  const label: UploadLabel = { repository, ...(actor === undefined ? {} : { actor }) };
  const upload = await core.objects.createUpload(JSON.stringify(label));
  core.openUploads.begun(actor, upload.id, call.client());
  core.sessions.begin(upload.id, algorithm, upload.version);
  if (!digest) return progress(202, repository, upload);
  return core.sessions.exclusively(upload.id, async (turn) => {
    using _ = keepRoom(core, repository, upload.id);
    try {
      await receive(call, repository, { upload, turn, last: true, digest });
      return await finish(call, repository, { upload, digest });
    } catch (error) {
      // Nobody was told the upload's name: it cannot be continued.
      await discard(call, repository, upload);
      throw error;
    }
  });
}

/** PATCH: the next chunk. Without a Content-Range it continues where the upload is. */
export async function continueUpload(call: Call, repository: string, id: string): Promise<Response> {
  return whileMine(call, { repository, id }, async (upload, turn) => {
    await receiveChunk(call, repository, { upload, turn });
    return progress(202, repository, upload);
  });
}

/** PUT ?digest=: perhaps a last chunk, then the end. */
export async function finishUpload(call: Call, repository: string, id: string): Promise<Response> {
  return whileMine(call, { repository, id }, async (upload, turn) => {
    const digest = checkDigest(call.query.get("digest") ?? "");
    await receiveChunk(call, repository, { upload, turn, digest });
    return finish(call, repository, { upload, digest });
  });
}

/** GET: how much has arrived. Whoever lost the answer to the end of an upload learns how that came out. */
export async function uploadStatus(call: Call, repository: string, id: string): Promise<Response> {
  await call.core.sessions.settled(id);
  return progress(204, repository, await findUpload(call, repository, id));
}

/** DELETE: the client gives up. */
export async function cancelUpload(call: Call, repository: string, id: string): Promise<Response> {
  return whileMine(call, { repository, id }, async (upload) => {
    await discard(call, repository, upload);
    return new Response(null, { status: 204, headers: versionHeader });
  });
}

/** The blob made readable here without sending it; undefined when it has to be sent after all. */
async function mountBlob(call: Call, repository: string, digest: Digest): Promise<Response | undefined> {
  const { core } = call;
  const from = call.query.get("from");
  let size: number | undefined;
  if (from === null || from === "") {
    // Bytes of a blob that others pushed must not be had for knowing its digest.
    if (await call.may("mount-any")) {
      await spare(core.objects, digest);
      size = (await core.objects.head(blobKey(digest)))?.size;
    }
  } else if (await call.may("pull", checkRepository(from))) {
    await spare(core.objects, digest);
    size = (await holdBlob(core, from, digest))?.size;
  }
  if (size === undefined) return undefined;
  await core.admit({ kind: "blob", repository, digest, size });
  await linkBlob(core, repository, digest);
  core.emit({ type: "blob.mounted", repository, actor: call.actor, at: Date.now(), digest, size });
  return created(repository, digest);
}

/** The upload, if it was begun in this repository by this caller. */
async function findUpload(call: Call, repository: string, id: string): Promise<Upload> {
  const upload = await call.core.objects.openUpload(id);
  const label = parseLabel(upload?.label ?? "");
  if (upload && label?.repository === repository && label.actor === call.actor) return upload;
  throw unknownUpload(id);
}

function unknownUpload(id: string): Refusal {
  return new Refusal("BLOB_UPLOAD_UNKNOWN", "there is no such upload in this repository", {
    detail: { id: id.slice(0, 64) },
  });
}

/** Work on an upload that no other request of this process works on. */
async function whileMine(
  call: Call,
  { repository, id }: { repository: string; id: string },
  work: (upload: Upload, turn: Turn) => Promise<Response>,
): Promise<Response> {
  // Only who may continue it may take it over.
  if (call.core.sessions.isBusy(id)) await findUpload(call, repository, id);
  return call.core.sessions.exclusively(id, async (turn) => {
    const upload = await findUpload(call, repository, id);
    call.core.openUploads.touched(call.actor, id);
    using _ = keepRoom(call.core, repository, id);
    try {
      return await work(upload, turn);
    } catch (error) {
      // What fills the disk or a quota up must not stay there for somebody to continue: nobody could.
      const isFull = error instanceof StrakeError && error.code === "REGISTRY_FULL";
      if (isFull || error instanceof OverQuota) await discard(call, repository, upload);
      if (error instanceof StrakeError && error.code === "UPLOAD_GONE") {
        call.core.openUploads.ended(call.actor, id);
        throw unknownUpload(id);
      }
      throw error;
    } finally {
      call.core.openUploads.leftAlone(call.actor, id);
    }
  });
}

async function receiveChunk(
  call: Call,
  repository: string,
  { upload, turn, digest }: { upload: Upload; turn: Turn; digest?: Digest },
): Promise<void> {
  const last = call.method === "PUT";
  const header = call.request.headers.get("content-range");
  const before = upload.length;
  if (header === null) return receive(call, repository, { upload, turn, last, digest });
  const range = parseContentRange(header);
  if (!range || range.first !== before)
    throw new Refusal("RANGE_INVALID", `the next chunk has to begin at ${before}`, {
      headers: progressHeaders(repository, upload),
    });
  const length = range.last - range.first + 1;
  const declared = call.request.headers.get("content-length");
  if (declared !== null && Number(declared) !== length)
    throw new Refusal("SIZE_INVALID", "Content-Length and Content-Range disagree");
  await receive(call, repository, { upload, turn, last, digest });
  if (upload.length - before === length) return;
  // Bytes beyond what was announced are already part of it: there is no telling which are good.
  await discard(call, repository, upload);
  throw new Refusal("SIZE_INVALID", "the chunk is not as long as its Content-Range says");
}

/** Stores and hashes the request's body. What came before a broken connection stays, for the client to continue. */
async function receive(
  call: Call,
  repository: string,
  { upload, turn, last, digest }: { upload: Upload; turn: Turn; last: boolean; digest?: Digest },
): Promise<void> {
  const { body } = call.request;
  if (!body) return;
  const { sessions, quotas } = call.core;
  const algorithm = digest === undefined ? "sha256" : digestAlgorithm(digest);
  // Of one that has nothing yet, whoever began it and wherever, the first byte comes here.
  const session =
    sessions.at(upload) ??
    (upload.length === 0 ? sessions.begin(upload.id, algorithm, upload.version) : undefined);
  // Hashed here as it comes, it need not be read before it is committed.
  const isWhole = digest !== undefined && session?.algorithm === algorithm && upload.length === 0;
  const taken = takeable(body, turn, call.traffic);
  const isCounted = quotas.accounts(repository).length > 0;
  try {
    await upload.append(isCounted ? withinRoom(taken, call, { repository, upload, digest }) : taken, {
      onChunk: session && ((chunk) => session.update(chunk)),
      last,
      destination: isWhole ? blobKey(digest) : undefined,
    });
  } catch (cause) {
    if (cause instanceof StrakeError || cause instanceof Refusal) throw cause;
    throw new Refusal("BLOB_UPLOAD_INVALID", "the connection ended before the content did");
  } finally {
    if (session) session.version = upload.version;
  }
}

async function finish(
  call: Call,
  repository: string,
  { upload, digest }: { upload: Upload; digest: Digest },
): Promise<Response> {
  const { core } = call;
  const session = core.sessions.at(upload);
  core.sessions.end(upload.id);
  const algorithm = digestAlgorithm(digest);
  const actual = session?.algorithm === algorithm ? session.digest() : await hash(upload, algorithm);
  if (actual !== digest) {
    await discard(call, repository, upload);
    throw new Refusal("DIGEST_INVALID", "the content has another digest", {
      detail: { expected: digest, actual },
    });
  }
  const size = upload.length;
  await core.admit({ kind: "blob", repository, digest, size });
  const link = { ...linkOf(core, repository, digest), amount: () => ({ bytes: size }), upload: upload.id };
  const isNew = await putCounted(core, link, linkRecord(), async () => {
    await spare(core.objects, digest);
    await upload.commit(blobKey(digest));
  });
  core.openUploads.ended(call.actor, upload.id);
  if (!isNew) await core.quotas.unclaim(repository, upload.id);
  core.emit({ type: "blob.pushed", repository, actor: call.actor, at: Date.now(), digest, size });
  return created(repository, digest);
}

async function hash(upload: Upload, algorithm: DigestAlgorithm): Promise<Digest> {
  const digester = createDigester(algorithm);
  for await (const chunk of upload.stream()) digester.update(chunk);
  return digester.digest();
}

async function discard({ core, actor }: Call, repository: string, upload: Upload): Promise<void> {
  core.sessions.end(upload.id);
  await upload.abort();
  core.openUploads.ended(actor, upload.id);
  await core.quotas.unclaim(repository, upload.id);
}

function parseAlgorithm(text: string | null): DigestAlgorithm {
  if (text === null || text === "sha256") return "sha256";
  if (text === "sha512") return "sha512";
  throw new Refusal("DIGEST_INVALID", "digests are sha256 or sha512 here", { detail: text.slice(0, 64) });
}

function created(repository: string, digest: Digest): Response {
  return new Response(null, {
    status: 201,
    headers: {
      ...versionHeader,
      Location: `/v2/${repository}/blobs/${digest}`,
      "Docker-Content-Digest": digest,
    },
  });
}

function progress(status: number, repository: string, upload: Upload): Response {
  return new Response(null, {
    status,
    headers: { ...versionHeader, ...progressHeaders(repository, upload) },
  });
}

function progressHeaders(repository: string, upload: Upload): Record<string, string> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${upload.id}`,
    // The last byte that arrived; there is no way to write "none", and everybody writes 0-0.
    Range: `0-${Math.max(upload.length - 1, 0)}`,
    "Docker-Upload-UUID": upload.id,
  };
}
