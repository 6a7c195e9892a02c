import { importLayer, storeBaseImage } from "../archive/index.ts";
import { applyChanges } from "../build/index.ts";
import { checkOptions, type OptionKinds } from "../errors/index.ts";
import type { Emit } from "../events/index.ts";
import { formatReference, parsePlatform, parseReference, withDefaultTag } from "../oci/index.ts";
import type { Image, Store } from "../store/index.ts";

export interface ImportRequest {
  /** A tar of a root file system, packed or not. */
  readonly source: AsyncIterable<Uint8Array>;
  /** What the history says it came from. */
  readonly sourceName?: string;
  readonly tag?: string;
  /** Dockerfile lines for the configuration. */
  readonly changes?: readonly string[];
  readonly message?: string;
  readonly platform?: string;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

const requestKinds: OptionKinds<ImportRequest> = {
  ...{ source: "source", sourceName: "string?", tag: "string?", changes: "strings?", message: "string?" },
  ...{ platform: "string?", signal: "signal?", emit: "function?" },
};

export async function importImage(store: Store, request: ImportRequest): Promise<Image> {
  checkOptions("import", request, requestKinds);
  // Everything that may be wrong with the options is found before a gigabyte was read.
  const reference = request.tag === undefined ? undefined : withDefaultTag(parseReference(request.tag));
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  const config = applyChanges({}, request.changes ?? []);
  using lease = store.lease("import");
  const layer = await importLayer(store, request.source, {
    lease,
    ...(request.signal ? { signal: request.signal } : {}),
    ...(request.emit ? { emit: request.emit } : {}),
  });
  const created = new Date().toISOString();
  const image = await storeBaseImage(store, {
    layer,
    config,
    ...(platform ? { platform } : {}),
    created,
    history: [{ created, comment: request.message ?? `Imported from ${request.sourceName ?? "-"}` }],
    lease,
  });
  if (reference) store.images.tag(reference, image.id);
  const tags = reference ? [formatReference(reference)] : [];
  request.emit?.({ type: "image", id: image.id, tags, at: Date.now() });
  return store.images.find(image.id);
}
