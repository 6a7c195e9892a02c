import { StrakeError } from "../errors/index.ts";
import {
  type Digest,
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
} from "../oci/index.ts";
import type { Image, Store } from "../store/index.ts";

export type RemovedName = { readonly untagged: string } | { readonly deleted: Digest };

/**
 * Docker's rules: a reference loses its name, and the image goes with the last one; an ID takes the image with all its names, but several
 * names need force. What the image alone had is unlinked at once.
 */
export function removeImage(
  store: Store,
  name: string,
  options: { readonly force?: boolean } = {},
): RemovedName[] {
  // Nobody may give it a name between the look and the removal.
  const removed = store.transaction(() => removeNames(store, name, options));
  if (removed.some((each) => "deleted" in each)) store.gc();
  return removed;
}

function removeNames(store: Store, name: string, options: { readonly force?: boolean }): RemovedName[] {
  const image = store.images.find(name);
  const tag = tagMeant(image, name);
  if (tag !== undefined && image.tags.length > 1) {
    store.images.untag(parseReference(tag));
    return [{ untagged: familiarReference(parseReference(tag)) }];
  }
  if (tag === undefined && image.tags.length > 1 && !options.force)
    throw new StrakeError("IMAGE_IN_USE", `the image ${name} has ${image.tags.length} names`, {
      hint: `remove them one by one (${image.tags.map((t) => familiarReference(parseReference(t))).join(", ")}), or force it`,
    });
  store.images.remove(image.id, options);
  const untagged = image.tags.map((t) => ({ untagged: familiarReference(parseReference(t)) }));
  return [...untagged, { deleted: image.id }];
}

/** The tag a name stands for, when it is a name and not an id. */
function tagMeant(image: Image, name: string): string | undefined {
  try {
    const reference = formatReference(withDefaultTag(parseReference(name)));
    return image.tags.find((tag) => tag === reference);
  } catch {
    return undefined;
  }
}
