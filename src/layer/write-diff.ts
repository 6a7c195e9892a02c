import { closeSync } from "node:fs";
import { throwIfAborted } from "../errors/index.ts";
import { Collections } from "../sys/index.ts";
import type { EntryHeader } from "../tar/index.ts";
import type { LayerWriter } from "./writer.ts";

/** An entry of a diff. `open` is used where it is given, `body` else. */
export interface WritableEntry {
  readonly header: EntryHeader;
  readonly open?: () => number;
  readonly body?: AsyncIterable<Uint8Array>;
}

/** Adds all entries of a diff to a layer. Files that change while they are read fail with `LAYER_SOURCE_CHANGED`. */
export async function writeDiff(
  writer: LayerWriter,
  entries: AsyncIterable<WritableEntry> | Iterable<WritableEntry>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const collections = new Collections({ every: 2000, fullEvery: 16 });
  for await (const entry of entries) {
    throwIfAborted(options.signal);
    collections.passed(1);
    if (entry.open) {
      const fd = entry.open();
      try {
        writer.addFile(entry.header, fd);
      } finally {
        closeSync(fd);
      }
    } else if (entry.body) await writer.addStream(entry.header, entry.body);
    else writer.addEntry(entry.header);
  }
}
