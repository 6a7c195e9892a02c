export { type Dockerfile, parseDockerfile } from "./dockerfile/index.ts";
export type {
  BuildRequest,
  CreateRequest,
  EngineOptions,
  HistoryRow,
  ImageSummary,
  PullRequest,
  PushRequest,
} from "./engine/index.ts";
export {
  bootstrap,
  build,
  Engine,
  importImage,
  load,
  pull,
  push,
  save,
  serveRegistry,
} from "./engine/index.ts";
export { StrakeError } from "./errors/index.ts";
export type { Emit, StrakeEvent } from "./events/index.ts";
export { Tree } from "./layer/index.ts";
export { parseReference, type Reference } from "./oci/index.ts";
export { FileStore, MemoryStore, Registry, type RegistryOptions, S3Store } from "./registry/server/index.ts";
export type { Image, Layer } from "./store/index.ts";
