import { chunkChecks } from "./chunk-checks.ts";
import { contentChecks, contentPullChecks } from "./content-checks.ts";
import { deletionChecks } from "./deletion-checks.ts";
import { manifestChecks, missingManifestChecks } from "./manifest-checks.ts";
import { mountChecks } from "./mount-checks.ts";
import type { Check } from "./peer.ts";
import { malformedDigestCheck, pullChecks } from "./pull-checks.ts";
import { pushChecks } from "./push-checks.ts";
import { referrerChangeChecks, referrerChecks } from "./referrer-checks.ts";
import { tagChecks, tagDeletionChecks } from "./tag-checks.ts";
import { uploadChecks } from "./upload-checks.ts";

const algorithms = ["sha256", "sha512"] as const;

const baseCheck: Check = {
  subject: "base",
  name: "it answers",
  run: async (peer) => {
    await peer.expect([200], "/v2/");
  },
};

/**
 * What the distribution-spec asks of any registry, asked of its address alone: so it can be asked of other registries
 * too, which shows that the questions are sane. `suite/` beside it asks our own registry for more than that.
 */
export const allChecks: readonly Check[] = [
  baseCheck,
  ...algorithms.flatMap((algorithm) => [
    ...pushChecks(algorithm),
    ...chunkChecks(algorithm),
    ...uploadChecks(algorithm),
    ...mountChecks(algorithm),
    ...pullChecks(algorithm),
  ]),
  malformedDigestCheck,
  ...manifestChecks,
  ...missingManifestChecks,
  ...contentChecks,
  ...tagChecks,
  ...tagDeletionChecks,
  ...referrerChecks,
  ...referrerChangeChecks,
  ...deletionChecks,
];

/** Those of them that hold where pushes go to one registry and pulls come from a cache of it. */
export const pullThroughChecks: readonly Check[] = [
  baseCheck,
  ...algorithms.flatMap(pullChecks),
  malformedDigestCheck,
  ...missingManifestChecks,
  ...contentPullChecks,
  ...tagChecks,
  ...referrerChecks,
];
