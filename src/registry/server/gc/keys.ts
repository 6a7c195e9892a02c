import type { Digest } from "../../../oci/index.ts";
import { dashed } from "../layout.ts";

/**
 * What collection keeps in the object store, beside the registry's own keys:
 *
 *     collector/lease                                who collects now
 *     collector/condemned/<algorithm>-<hex>          no repository held this blob at the last collection
 *     trash/<name with ! for />/<algorithm>-<hex>    a manifest or tags that were deleted and can be had back
 */
export const leaseKey = "collector/lease";
export const condemnedPrefix = "collector/condemned/";
export const condemnedKey = (digest: Digest) => condemnedPrefix + dashed(digest);
export const trashPrefix = "trash/";
export const repositoryTrashPrefix = (repository: string) =>
  `${trashPrefix}${repository.replaceAll("/", "!")}/`;
export const trashKey = (repository: string, digest: Digest) =>
  repositoryTrashPrefix(repository) + dashed(digest);

/** The digest in the last segment of a key. */
export function digestOfWord(key: string): Digest {
  return key.slice(key.lastIndexOf("/") + 1).replace("-", ":") as Digest;
}
