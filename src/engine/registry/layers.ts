import { createReadStream } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import type { Emit } from "../../events/index.ts";
import { decompress, ingestDownload, ingestTar } from "../../layer/index.ts";
import { type Descriptor, type Digest, layerMediaType, parseLayerType } from "../../oci/index.ts";
import { asStep, type ImageSource, type Step } from "../../registry/client/index.ts";
import type { Lease, PartialBlob, Store } from "../../store/index.ts";
import { freeing } from "../../sys/index.ts";
import { Relay } from "./relay.ts";

export interface LayerPull {
  readonly store: Store;
  readonly lease: Lease;
  readonly repository: ImageSource;
  readonly emit?: Emit;
}

export interface WantedLayer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
}

/**
 * Gets one layer into the store: what is here already is not fetched; else the compressed bytes are written and hashed, unpacked,
 * hashed, written and indexed in one pass while they come. The compressed form is kept, so that the image can be pushed with the same
 * digests (gzip made anew by another program gives other bytes).
 */
export async function pullLayer(
  { descriptor, diffID }: WantedLayer,
  pull: LayerPull,
  signal: AbortSignal,
): Promise<void> {
  const { store, lease, emit } = pull;
  await asStep(descriptor, { emit, kind: "transfer", verb: "pull" }, async (step) => {
    // The lease comes first: between a look and a lease the layer could be collected.
    if (lease.add("layer", diffID) && store.layers.isIntact(diffID)) {
      lease.add("blob", descriptor.digest);
      return step.skipped("already here");
    }
    const { digest, size } = descriptor;
    const type = parseLayerType(descriptor.mediaType)!;
    const download = (start = 0) =>
      pull.repository.openBlob(descriptor, {
        ...{ signal, start },
        ...(type.foreign ? { urls: descriptor.urls ?? [] } : {}),
      });
    if (digest === diffID) {
      await ingestDownload(store, (start) => freeing(download(start)), {
        ...{ lease, signal, expectedDiffID: diffID, expectedSize: size },
        ...{ onResumed: step.resumed, onProgress: step.progress },
      });
      return;
    }
    const expected = { lease, signal, expectedDiffID: diffID };
    if (lease.add("blob", digest)) {
      await ingestTar(store, unpack(store.blobs.stream(digest), signal), expected);
      step.skipped("already here");
    } else {
      const fetch = async (source: AsyncIterable<Uint8Array>) => {
        const relay = new Relay({ free: true });
        const stored = store.blobs.put(relay.through(source), {
          ...{ lease, digest, size, signal },
          ...{ resumable: true, onProgress: step.progress },
        });
        const ingested = ingestTar(store, unpack(relay, signal), expected);
        const [blob, layer] = await Promise.allSettled([stored, ingested]);
        // Damaged bytes fail twice; that they are not what was promised says more than what gzip makes of them.
        if (blob.status === "rejected") throw blob.reason;
        if (layer.status === "rejected") throw layer.reason;
      };
      const partial = store.blobs.takePartial(digest);
      if (
        partial === undefined ||
        partial.size > size ||
        !(await goesOn(partial, { fetch, download, step }))
      ) {
        partial?.drop();
        step.resumed(0);
        await fetch(download());
      }
    }
    store.layers.addForm(diffID, { mediaType: layerMediaType(type.compression), digest, size });
  });
}

interface GoingOn {
  readonly fetch: (source: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly download: (start: number) => AsyncIterable<Uint8Array>;
  readonly step: Step;
}

/** Downloads what is missing behind what came the last time. False when that was damaged since: nobody had compared it. */
async function goesOn(partial: PartialBlob, { fetch, download, step }: GoingOn): Promise<boolean> {
  step.resumed(partial.size);
  async function* whole() {
    yield* createReadStream(partial.path, { highWaterMark: 256 << 10 }) as AsyncIterable<Uint8Array>;
    yield* download(partial.size);
  }
  try {
    await fetch(whole());
    partial.drop();
    return true;
  } catch (error) {
    if (error instanceof StrakeError && error.code === "BLOB_MISMATCH") return false;
    // The longer of it and of what came now is taken the next time.
    partial.release();
    throw error;
  }
}

/** Unpacked by us alone: a registry does not choose a program that root runs on its bytes (CVE-2014-9357). */
function unpack(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return decompress(source, {
    signal,
    reuse: true,
    onDetected(format) {
      if (format === "xz" || format === "bzip2")
        throw new StrakeError(
          "MEDIA_TYPE_UNSUPPORTED",
          `a layer is packed with ${format}, which no layer type allows`,
        );
    },
  });
}
