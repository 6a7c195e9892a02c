import { StrakeError, throwIfAborted } from "../../../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../../../oci/index.ts";
import { errnoOf } from "../../../sys/index.ts";
import { blobKey, dashed, digestOfKey } from "../layout.ts";
import { whileUnchanged } from "../storage/fault.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { keysUnder } from "./walk.ts";

export interface ScrubOptions {
  /**
   * Move damaged blobs aside, to `quarantine/` in the storage. The registry then says that it does not have them, and the
   * next push of an image that needs them brings them again.
   */
  readonly quarantine?: boolean;
  readonly signal?: AbortSignal;
}

export interface DamagedBlob {
  readonly digest: Digest;
  /** Bytes stored. */
  readonly size: number;
  /** What the stored bytes hash to; absent when they cannot be read. */
  readonly actual?: Digest;
  readonly quarantined: boolean;
}

export interface ScrubReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedBlob[];
}

/** Reads every blob and manifest and compares it with its digest. Throws CANCELED. */
export async function scrub(objects: ObjectStore, options: ScrubOptions = {}): Promise<ScrubReport> {
  const { quarantine = false, signal } = options;
  const damaged: DamagedBlob[] = [];
  let blobs = 0;
  let bytes = 0;
  for await (const key of keysUnder(objects, "blobs/")) {
    throwIfAborted(signal);
    const digest = digestOfKey(key);
    let found = await hashStored(objects, digest, signal);
    // Read twice before anything is called damaged: it may have been replaced in between, or the line was bad.
    if (found && found.actual !== digest) found = await hashStored(objects, digest, signal);
    if (!found) continue;
    blobs++;
    bytes += found.size;
    const { size, etag, actual, isLost } = found;
    if (actual === digest) continue;
    const isDamaged = actual !== undefined || isLost;
    const quarantined = quarantine && isDamaged && (await moveAside(objects, digest, etag));
    damaged.push({ digest, size, ...(actual ? { actual } : {}), quarantined });
  }
  return { blobs, bytes, damaged };
}

interface HashedBlob {
  readonly size: number;
  readonly etag: string;
  /** Absent when it cannot be read. */
  readonly actual?: Digest;
  /** It cannot be read because the medium has lost it, and not for want of descriptors, rights or a line. */
  readonly isLost: boolean;
}

/** Undefined when the blob was deleted meanwhile. */
async function hashStored(
  objects: ObjectStore,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<HashedBlob | undefined> {
  const content = await objects.get(blobKey(digest));
  if (!content) return undefined;
  const { body, size, etag } = content;
  const digester = createDigester(digestAlgorithm(digest));
  try {
    for await (const chunk of body instanceof Blob ? body.stream() : body) {
      throwIfAborted(signal);
      digester.update(chunk);
    }
    return { size, etag, actual: digester.digest(), isLost: false };
  } catch (error) {
    if (error instanceof StrakeError && error.code === "CANCELED") throw error;
    const isLost = errnoOf(error) === "EIO";
    return (await objects.head(blobKey(digest))) && { size, etag, isLost };
  }
}

async function moveAside(objects: ObjectStore, digest: Digest, etag: string): Promise<boolean> {
  const aside = `quarantine/${dashed(digest)}`;
  if (objects.rename) return whileUnchanged(() => objects.rename!(blobKey(digest), aside, etag));
  const content = await objects.get(blobKey(digest));
  if (!content || content.etag !== etag) return false;
  const upload = await objects.createUpload("quarantine");
  try {
    await upload.append(content.body instanceof Blob ? content.body.stream() : content.body, { last: true });
    await upload.commit(aside);
  } catch (error) {
    await upload.abort();
    throw error;
  }
  return whileUnchanged(() => objects.delete(blobKey(digest), etag));
}
