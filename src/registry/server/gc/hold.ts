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
  const held = await hold(core, { key, find: () => core.objects.head(key) }, () =>
    encodeRecord({ linkedAt: Date.now() }),
  );
  return held && core.objects.head(blobKey(digest));
}

/** The same for a manifest, which an index is going to name. */
export async function holdManifest(
  core: Core,
  repository: string,
  digest: Digest,
): Promise<ManifestRecord | undefined> {
  const key = manifestKey(repository, digest);
  const held = await hold(
    core,
    { key, find: () => readRecord<ManifestRecord>(core.objects, key) },
    ({ value }) => encodeRecord({ ...value, heldAt: Date.now() }),
  );
  return held?.value;
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

async function hold<T extends Pick<ObjectInfo, "etag" | "modified">>(
  core: Core,
  { key, find }: { key: string; find: () => Promise<T | undefined> },
  renewed: (found: T) => Uint8Array,
): Promise<T | undefined> {
  for (;;) {
    const found = await find();
    if (!found || Date.now() - found.modified < core.grace / 2) return found;
    if (await putUnchanged(core, key, { bytes: renewed(found), etag: found.etag })) return found;
  }
}

async function putUnchanged(
  { objects }: Pick<Core, "objects">,
  key: string,
  { bytes, etag }: { bytes: Uint8Array; etag: string },
): Promise<boolean> {
  return whileUnchanged(() => objects.put(key, bytes, { ifMatch: etag }));
}
