import type { Digest } from "../../../oci/index.ts";
import { dashed } from "../layout.ts";

/**
 * What the pull-through cache keeps in the object store, beside the registry's own keys:
 *
 *     cache/<prefix with ! for />/<algorithm>-<hex>   JSON: this blob came from this upstream, and its size
 */
const cachedPrefix = (prefix: string) => `cache/${prefix.replaceAll("/", "!")}/`;
export const cachedBlobKey = (prefix: string, digest: Digest) => cachedPrefix(prefix) + dashed(digest);

/** One download, however many clients and repositories wait for it. */
export const fillName = (prefix: string, digest: Digest) => `${prefix}@${digest}`;
