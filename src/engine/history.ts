import type { Digest } from "../oci/index.ts";
import type { Image, Store } from "../store/index.ts";
import { imageConfig } from "./images.ts";

export interface HistoryRow {
  /** The image's ID for the last instruction; those before have none of their own. */
  readonly id?: Digest;
  /** RFC 3339. */
  readonly created?: string;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the instruction's layer; 0 when it made none. */
  readonly size: number;
  readonly diffID?: Digest;
  /** The image's names, at its last instruction. */
  readonly tags: readonly string[];
}

/** The newest first. Layers without an entry (images of builders that write no history) get one of their own. */
export function historyOf(store: Store, image: Image): HistoryRow[] {
  const config = imageConfig(store, image);
  const layers = store.layers.all(image.diffIDs);
  const rows: HistoryRow[] = [];
  let next = 0;
  for (const entry of config.history ?? []) {
    const layer = entry.empty_layer ? undefined : layers[next++];
    rows.push({
      ...(entry.created === undefined ? {} : { created: entry.created }),
      createdBy: entry.created_by ?? "",
      comment: entry.comment ?? "",
      size: layer?.size ?? 0,
      ...(layer ? { diffID: layer.diffID } : {}),
      tags: [],
    });
  }
  for (const layer of layers.slice(next))
    rows.push({ createdBy: "", comment: "", size: layer.size, diffID: layer.diffID, tags: [] });
  rows.reverse();
  const [last, ...before] = rows;
  return last === undefined ? [] : [{ ...last, id: image.id, tags: image.tags }, ...before];
}
