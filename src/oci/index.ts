export { decodeConfig, type HistoryEntry, type ImageConfig } from "./config.ts";
export type { ContainerConfig, Healthcheck } from "./container-config.ts";
export type { Descriptor } from "./descriptor.ts";
export {
  createDigester,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  digestAlgorithm,
  digestFromHex,
  digestHex,
  isDigest,
  matchesDigest,
  parseDigest,
  sha256,
} from "./digest.ts";
export { type Document, documentLimits } from "./document.ts";
export { canonicalJSON, encodeConfig, encodeDocument, encodeIndex, encodeManifest } from "./encode.ts";
export { splitVariable } from "./environment.ts";
export { decodeIndex, decodeManifestOrIndex, type Index } from "./image-index.ts";
export { decodeManifest, type Manifest } from "./manifest.ts";
export {
  type Compression,
  isConfigType,
  isIndexType,
  isManifestType,
  isMediaType,
  isSchema1Type,
  type LayerType,
  layerMediaType,
  mediaTypes,
  parseContentType,
  parseLayerType,
} from "./media-type.ts";
export { formatPlatform, hostPlatform, normalizePlatform, type Platform, parsePlatform } from "./platform.ts";
export { type Candidate, matchPlatform, pickPlatform, platformDistance } from "./platform-match.ts";
export {
  familiarName,
  familiarReference,
  formatReference,
  isReference,
  isRepositoryPath,
  isTag,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from "./reference.ts";
export { signalNumber } from "./signal.ts";
