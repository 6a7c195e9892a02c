import type { Digest } from "../../../oci/index.ts";
import { nameOf } from "../catalog.ts";
import type { Call, Core } from "../core.ts";
import { blobKey, blobLinkKey } from "../layout.ts";
import type { Upload } from "../storage/object-store.ts";
import { renewEvery } from "./claims.ts";
import { checkRoom } from "./counted.ts";

/** Refuses an upload that would not have room before it begins, as far as that is known. Throws DENIED. */
export async function checkUploadRoom(call: Call, repository: string, digest?: Digest): Promise<void> {
  const { core } = call;
  if (core.quotas.accounts(repository).length === 0) return;
  if (digest && (await core.objects.head(blobLinkKey(repository, digest)))) return;
  await core.quotas.check(repository, { bytes: Math.max(1, declaredLength(call)) });
  await checkRoom(core, nameOf(repository));
}

/**
 * The request's body for an upload, as long as there is room for it: what is announced is claimed before the first byte is taken,
 * what is not as it comes. Throws OverQuota.
 */
export async function* withinRoom(
  body: AsyncIterable<Uint8Array>,
  call: Call,
  { repository, upload, digest }: { repository: string; upload: Upload; digest: Digest | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { quotas } = call.core;
  const { id } = upload;
  const declared = declaredLength(call);
  const goesOn = declared === 0;
  const known = digest && (await sizeHere(call.core, repository, digest));
  let length = upload.length;
  let granted = await quotas.claim(repository, { id, need: length + Math.max(1, declared), goesOn, known });
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > granted) granted = await quotas.claim(repository, { id, need: length, goesOn, known });
    yield chunk;
  }
}

/** Says from time to time that an upload is worked on, until it is disposed of. */
export function keepRoom({ quotas }: Core, repository: string, id: string): Disposable {
  const isCounted = quotas.accounts(repository).length > 0;
  const renew = () => void quotas.renew(repository, id).catch(() => {});
  const timer = isCounted ? setInterval(renew, renewEvery) : undefined;
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Bytes of a blob that the repository holds. */
async function sizeHere({ objects }: Core, repository: string, digest: Digest): Promise<number | undefined> {
  if (!(await objects.head(blobLinkKey(repository, digest)))) return undefined;
  return (await objects.head(blobKey(digest)))?.size;
}

/** Bytes that the request says its body has; 0 when it says nothing. */
function declaredLength({ request }: Call): number {
  const declared = Number(request.headers.get("content-length") ?? 0);
  return Number.isSafeInteger(declared) && declared > 0 ? declared : 0;
}
