import type { ContainerRecord, Containers } from "../container/index.ts";
import { isDigest } from "../oci/index.ts";
import type { Store } from "../store/index.ts";

export interface ContainerSize {
  /** Bytes of the files it wrote itself. */
  readonly written: number;
  /** Those and its image's layers, as they are on disk. */
  readonly whole: number;
}

/** Walks over the writable layer. Layers count although the image is gone: the container stands on them. One that is lost counts as nothing. */
export async function containerSize(
  store: Store,
  containers: Containers,
  record: ContainerRecord,
): Promise<ContainerSize> {
  const written = await containers.writtenBytes(record);
  const sizes = record.image.layers.filter(isDigest).map((diffID) => store.layers.get(diffID)?.size ?? 0);
  return { written, whole: sizes.reduce((sum, size) => sum + size, written) };
}
