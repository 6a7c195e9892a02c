import { type SaveOptions, type SaveRequest, saveArchive } from "../archive/index.ts";
import { checkArgument, checkOptions } from "../errors/index.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import type { TarSink } from "../tar/index.ts";

export interface SaveRequestOptions extends SaveOptions {
  /** Takes the archive's bytes in order; a promise is waited for. */
  readonly sink: TarSink;
}

export async function saveImages(
  store: Store,
  names: readonly string[],
  request: SaveRequestOptions,
): Promise<void> {
  checkArgument("save: names", names, "strings");
  checkOptions<Pick<SaveRequestOptions, "sink">>("save", request, { sink: "function" });
  const { sink, ...options } = request;
  const requests = names.flatMap((name) => requestsFor(store, name));
  await saveArchive(store, requests, sink, options);
}

/** `name:tag` is that image under that name, an ID is an image without one, a bare `name` is all tags of the repository (as in Docker). */
function requestsFor(store: Store, name: string): SaveRequest[] {
  const reference = tryReference(name);
  if (reference !== undefined && reference.tag === undefined && reference.digest === undefined) {
    const prefix = `${formatReference(reference)}:`;
    const all = store.images
      .list()
      .flatMap((image) =>
        image.tags
          .filter((tag) => tag.startsWith(prefix))
          .map((tag) => ({ image, names: [parseReference(tag)] })),
      );
    if (all.length > 0) return all.sort((a, b) => (a.names[0]!.tag! < b.names[0]!.tag! ? -1 : 1));
  }
  const image = store.images.find(name);
  const tag = reference && formatReference(withDefaultTag(reference));
  return [{ image, names: tag !== undefined && image.tags.includes(tag) ? [parseReference(tag)] : [] }];
}

function tryReference(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}
