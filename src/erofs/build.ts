import type { Entry } from "../tar/index.ts";
import { IndexBuilder } from "./builder.ts";
import type { FinishOptions, LayerIndex } from "./image.ts";

/** The index of a layer from all its entries at once; see `IndexBuilder` for the rules and the errors. */
export function buildIndex(entries: Iterable<Entry>, options: FinishOptions = {}): LayerIndex {
  const builder = new IndexBuilder();
  for (const entry of entries) builder.add(entry);
  return builder.finish(options);
}
