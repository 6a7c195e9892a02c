import type { Digest } from "../../../oci/index.ts";
import { nameOf } from "../catalog.ts";
import type { Call } from "../core.ts";
import { blobLinkKey } from "../layout.ts";
import { checkRoom } from "./counted.ts";

/**
 * Refuses an upload that would not have room as early as that can be known: when it begins if there is none at all, and before
 * a body is read that says how long it is. `before`: bytes that are already here. Throws DENIED.
 */
export async function checkUploadRoom(
  { core, request }: Call,
  repository: string,
  { before, digest }: { readonly before: number; readonly digest?: Digest | undefined },
): Promise<void> {
  if (core.quotas.accounts(repository).length === 0) return;
  if (digest && (await core.objects.head(blobLinkKey(repository, digest)))) return;
  const declared = Number(request.headers.get("content-length") ?? 0);
  const coming = Number.isSafeInteger(declared) && declared > 0 ? declared : 0;
  await core.quotas.check(repository, { bytes: Math.max(1, before + coming) });
  await checkRoom(core, nameOf(repository));
}
