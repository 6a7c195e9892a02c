import { blobChecks } from "./blob-checks.ts";
import { contentChecks } from "./content-checks.ts";
import type { Check } from "./peer.ts";

/**
 * What the distribution-spec asks of any registry, asked of its address alone: so it can be asked of other registries
 * too, which shows that the questions are sane. `suite/` beside it asks what only our own registry promises.
 */
export const allChecks: readonly Check[] = [
  ...blobChecks("sha256"),
  ...blobChecks("sha512"),
  ...contentChecks,
];
