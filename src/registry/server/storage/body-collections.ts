import { Collections } from "../../../sys/index.ts";

/**
 * Passed by the bytes of all uploads together. Chunks of bodies live outside the collector's heap, which hardly grows while those of many uploads
 * pile up.
 */
export const bodyCollections = new Collections({ every: 16 << 20, fullEvery: 1 });
