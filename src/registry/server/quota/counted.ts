import type { Digest } from "../../../oci/index.ts";
import type { Core } from "../core.ts";
import { blobKey } from "../layout.ts";
import { objectChanged, whileUnchanged } from "../storage/fault.ts";
import type { Usage } from "./rules.ts";

/** Something under a key that counts for the quotas of a repository. */
export interface Counted {
  readonly repository: string;
  readonly key: string;
  /** Only asked for where there are quotas. */
  readonly amount: () => Partial<Usage> | Promise<Partial<Usage>>;
  /** The id of the upload it was until now. */
  readonly upload?: string;
}

/** The bytes of a blob, as they count. */
export async function bytesOf(core: Core, digest: Digest): Promise<Partial<Usage>> {
  return { bytes: (await core.objects.head(blobKey(digest)))?.size ?? 0 };
}

/** Throws DENIED when something new would not have room now. What is there already needs none. */
export async function checkRoom(core: Core, { repository, key, amount }: Counted): Promise<void> {
  if (core.quotas.accounts(repository).length === 0 || (await core.objects.head(key))) return;
  await core.quotas.check(repository, await amount());
}

/**
 * Writes a key over whatever is there; true when it is new and counts. `first` stores what has to be there before the key, once it
 * is counted: nothing is left of what is refused. Throws DENIED.
 */
export async function putCounted(
  core: Core,
  counted: Counted,
  bytes: Uint8Array,
  first: () => Promise<unknown> = async () => {},
): Promise<boolean> {
  const { objects, quotas } = core;
  const { repository, key } = counted;
  let isStored = false;
  const store = async () => {
    if (!isStored) await first();
    isStored = true;
  };
  if (quotas.accounts(repository).length === 0) {
    await store();
    await objects.put(key, bytes);
    return false;
  }
  for (;;) {
    const info = await objects.head(key);
    if (info) {
      await store();
      if (await whileUnchanged(() => objects.put(key, bytes, { ifMatch: info.etag }))) return false;
    } else if (await putNewCounted(core, counted, bytes, store)) return true;
  }
}

/** Writes a key that has to be free, and counts it; false when it is not. `first` as above. Throws DENIED. */
export async function putNewCounted(
  { objects, quotas }: Core,
  { repository, key, amount, upload }: Counted,
  bytes: Uint8Array,
  first: () => Promise<unknown> = async () => {},
): Promise<boolean> {
  const put = () => whileUnchanged(() => objects.put(key, bytes, { ifNoneMatch: "*" }));
  if (quotas.accounts(repository).length === 0) {
    await first();
    return put();
  }
  const more = await amount();
  await quotas.charge(repository, more, upload);
  try {
    await first();
    if (await put()) return true;
  } catch (error) {
    // The answer may be lost and the write not: what is there counts, and what nobody can tell too.
    const info = await objects.head(key).catch(() => "unknown");
    if (info === undefined) await quotas.release(repository, more);
    throw error;
  }
  await quotas.release(repository, more);
  return false;
}

/**
 * Deletes a key, only this version of it if an etag is given, and counts it no more, or as what is still stored `until` then. False when there was nothing. Throws
 * OBJECT_CHANGED.
 */
export async function deleteCounted(
  { objects, quotas }: Core,
  { repository, key, amount }: Counted,
  { etag, until }: { readonly etag?: string; readonly until?: number } = {},
): Promise<boolean> {
  if (quotas.accounts(repository).length === 0) return objects.delete(key, etag);
  const less = await amount();
  for (;;) {
    // Of two that delete the same, only one may count it.
    const version = etag ?? (await objects.head(key))?.etag;
    if (version === undefined) return false;
    let gone = false;
    const isSame = await whileUnchanged(async () => {
      gone = await objects.delete(key, version);
    });
    if (gone) await quotas.release(repository, less, until);
    if (isSame) return gone;
    if (etag !== undefined) throw objectChanged(key);
  }
}
