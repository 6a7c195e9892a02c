import type { Digest } from "../../../oci/index.ts";
import type { Core } from "../core.ts";
import { blobKey, blobLinkKey, manifestKey } from "../layout.ts";
import { encodeRecord, type ManifestRecord, readRecord } from "../records.ts";
import { isStorageFault, whileUnchanged } from "../storage/fault.ts";
import type { ObjectInfo } from "../storage/object-store.ts";

/**
 * Whoever is told that something exists will rely on it in a moment: a client does not push the blob and then pushes the
 * manifest that names it. So before the registry says yes to a HEAD, a mount or a manifest, it makes sure that what it
 * speaks of is younger than half the grace period. The collector takes only what is older than the whole of it, and only
 * the version it saw: either the touch comes first and the collector finds another version, or the answer is no.
 */
export async function holdBlob(
  core: Core,
  repository: string,
  digest: Digest,
): Promise<ObjectInfo | undefined> {
  const key = blobLinkKey(repository, digest);
  const held = await hold(core, key, () => encodeRecord({ linkedAt: Date.now() }));
  return held ? core.objects.head(blobKey(digest)) : undefined;
}

/** The same for a manifest, which an index is going to name. */
export async function holdManifest(core: Core, repository: string, digest: Digest): Promise<boolean> {
  const key = manifestKey(repository, digest);
  return hold(core, key, async (etag) => {
    const record = await readRecord<ManifestRecord>(core.objects, key);
    return record?.etag === etag ? encodeRecord({ ...record.value, heldAt: Date.now() }) : undefined;
  });
}

/**
 * For whoever only asks whether something is there: on a medium that takes no writes now (full, read-only) it is looked for
 * instead. Docker and containerd ask with HEAD before they pull, and all that is there has to be served on. Nothing is built on
 * such a yes: the push that relies on it holds what it names itself.
 */
export async function holdIfWritable<T>(hold: () => Promise<T>, find: () => Promise<T>): Promise<T> {
  try {
    return await hold();
  } catch (error) {
    if (!isStorageFault(error)) throw error;
    return find();
  }
}

async function hold(
  core: Core,
  key: string,
  renewed: (etag: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
): Promise<boolean> {
  for (;;) {
    const info = await core.objects.head(key);
    if (!info) return false;
    if (Date.now() - info.modified < core.grace / 2) return true;
    const bytes = await renewed(info.etag);
    if (bytes && (await putUnchanged(core, key, { bytes, etag: info.etag }))) return true;
  }
}

async function putUnchanged(
  { objects }: Pick<Core, "objects">,
  key: string,
  { bytes, etag }: { bytes: Uint8Array; etag: string },
): Promise<boolean> {
  return whileUnchanged(() => objects.put(key, bytes, { ifMatch: etag }));
}
