import { StrakeError, throwIfAborted } from "../errors/index.ts";
import type { Digest } from "../oci/index.ts";
import type { Layer, Lease, Store } from "../store/index.ts";
import { Collections } from "../sys/index.ts";
import type { TarLimits } from "../tar/index.ts";
import { LayerWriter } from "./writer.ts";

export interface IngestOptions {
  /** Keeps the layer until something refers to it. */
  readonly lease: Lease;
  /** What the tar's digest must be. A layer of it that is in the store already, undamaged, is given back without reading. */
  readonly expectedDiffID?: Digest;
  /** What the tar's size must be; a longer one is refused as soon as it is. */
  readonly expectedSize?: number;
  /** The source ends where it should, so that nothing at all is a layer too. Default: if its diff ID is expected. */
  readonly isWhole?: boolean;
  readonly limits?: TarLimits;
  readonly signal?: AbortSignal;
  /** Bytes of the tar so far, after every chunk. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Stores an uncompressed tar as a layer while it flows by: one pass hashes, writes and indexes it. What fails leaves
 * nothing behind. Errors: `LAYER_MISMATCH`, `TAR_*`, `LAYER_ENTRY_INVALID`, `STORE_FULL`, what `source` throws.
 */
export async function ingestTar(
  store: Pick<Store, "layers">,
  source: AsyncIterable<Uint8Array>,
  options: IngestOptions,
): Promise<Layer> {
  const { expectedDiffID, expectedSize, lease, signal } = options;
  throwIfAborted(signal);
  // The lease comes first: between a look and a lease the layer could be collected.
  const isPresent = expectedDiffID !== undefined && lease.add("layer", expectedDiffID);
  if (isPresent && store.layers.isIntact(expectedDiffID)) {
    await source[Symbol.asyncIterator]().return?.();
    return store.layers.get(expectedDiffID)!;
  }
  const writer = new LayerWriter(store.layers.begin(lease), { limits: options.limits });
  try {
    await writeTar(writer, source, options);
    return await writer.commit({ expectedDiffID, expectedSize });
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** What the writer's transaction has already and what the source gives behind it. Does not end the writer. Errors: as `ingestTar`. */
export async function writeTar(
  writer: LayerWriter,
  source: AsyncIterable<Uint8Array>,
  options: Omit<IngestOptions, "lease">,
): Promise<void> {
  const { expectedDiffID, expectedSize, signal } = options;
  const collections = Collections.ofBytes();
  let before = 0;
  for await (const size of writer.readBack()) {
    throwIfAborted(signal);
    collections.passed(size - before);
    options.onProgress?.(size);
    before = size;
  }
  for await (const chunk of source) {
    throwIfAborted(signal);
    collections.passed(chunk.length);
    await writer.writeChunk(chunk);
    if (expectedSize !== undefined && writer.size > expectedSize)
      throw new StrakeError(
        "LAYER_MISMATCH",
        `the layer's tar is longer than the ${expectedSize} bytes promised`,
      );
    options.onProgress?.(writer.size);
  }
  throwIfAborted(signal);
  if (writer.size > 0) return;
  if (expectedDiffID === undefined && !options.isWhole)
    throw new StrakeError("TAR_TRUNCATED", "the layer's tar is empty");
  // Some tools make layers of no bytes at all: what was promised as that has not been cut.
  await writer.writeChunk(new Uint8Array(0));
}
