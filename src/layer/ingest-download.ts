import { isInterruption, StrakeError } from "../errors/index.ts";
import type { Digest } from "../oci/index.ts";
import type { Layer, Store } from "../store/index.ts";
import { type IngestOptions, writeTar } from "./ingest.ts";
import { LayerWriter } from "./writer.ts";

export interface DownloadIngestOptions extends Omit<IngestOptions, "isWhole"> {
  readonly expectedDiffID: Digest;
  readonly expectedSize: number;
  /** Told, before each attempt, how many bytes of the tar were here before it. */
  readonly onResumed?: (bytes: number) => void;
}

/**
 * As `ingestTar`, of a tar that comes as it is from far away: what came of it before it was cut off, here or in a process that is gone, is read again, and
 * the source asked for what follows. Every byte is written once. Had it been damaged meanwhile all of it is asked for once more.
 */
export async function ingestDownload(
  store: Pick<Store, "layers">,
  open: (start: number) => AsyncIterable<Uint8Array>,
  options: DownloadIngestOptions,
): Promise<Layer> {
  const { expectedDiffID, expectedSize, lease } = options;
  for (;;) {
    if (lease.add("layer", expectedDiffID) && store.layers.isIntact(expectedDiffID))
      return store.layers.get(expectedDiffID)!;
    const transaction = store.layers.begin(lease, { resumed: expectedDiffID });
    const { tarSize } = transaction;
    if (tarSize > expectedSize) {
      transaction.abort();
      continue;
    }
    options.onResumed?.(tarSize);
    const writer = new LayerWriter(transaction, { limits: options.limits });
    try {
      await writeTar(writer, open(tarSize), options);
      return await writer.commit({ expectedDiffID, expectedSize });
    } catch (error) {
      const isDamaged = isOfContent(error);
      // Of what was here before only bad bytes and a full disk are a reason to be rid: not a login that has ended.
      const keeps = isInterruption(error) || (tarSize > 0 && !isDamaged && !isOfDisk(error));
      if (keeps) await writer.suspend();
      else writer.abort();
      if (tarSize === 0 || !isDamaged) throw error;
    }
  }
}

/** Whether the bytes are to blame. */
function isOfContent(error: unknown): boolean {
  return (
    error instanceof StrakeError &&
    (/^(TAR|EROFS)_/.test(error.code) ||
      ["LAYER_MISMATCH", "LAYER_ENTRY_INVALID", "BLOB_MISMATCH"].includes(error.code))
  );
}

function isOfDisk(error: unknown): boolean {
  return error instanceof StrakeError && error.class === "exhausted";
}
