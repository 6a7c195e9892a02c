export { type Dockerfile, parseDockerfile } from "./dockerfile/index.ts";
export type {
  BuildRequest,
  CopiedImage,
  CopiedTag,
  CopyRequest,
  CopyTagsRequest,
  CreateRequest,
  DeletedReference,
  DeleteRequest,
  EngineOptions,
  FetchRequest,
  HistoryRow,
  ImageSummary,
  ManifestList,
  PullRequest,
  PushRequest,
  SendArtifactOptions,
} from "./engine/index.ts";
export {
  addToList,
  artifactFile,
  attachArtifact,
  bootstrap,
  build,
  copyAllTags,
  copyBetween as copy,
  createList,
  deleteRemote,
  Engine,
  fetchArtifact,
  importImage,
  inspectConfig,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  load,
  login,
  logout,
  pull,
  push,
  pushList,
  removeList,
  resolveRemote,
  save,
  sendArtifact,
  serveRegistry,
} from "./engine/index.ts";
export { StrakeError } from "./errors/index.ts";
export type { Emit, StrakeEvent } from "./events/index.ts";
export { Tree } from "./layer/index.ts";
export { parseReference, type Reference } from "./oci/index.ts";
export type { Credentials, RemoteManifest, RemoteOptions } from "./registry/client/index.ts";
export {
  defaultS3Credentials,
  FileStore,
  MemoryStore,
  Registry,
  type RegistryOptions,
  type S3Credentials,
  type S3CredentialsProvider,
  type S3Options,
  S3Store,
} from "./registry/server/index.ts";
export type { Image, Layer } from "./store/index.ts";
