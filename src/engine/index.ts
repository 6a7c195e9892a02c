export { writeArchiveFile } from "./archive-file.ts";
export { type FetchedArtifact, type FetchRequest, fetchArtifact } from "./artifact/fetch.ts";
export { artifactFile } from "./artifact/files.ts";
export { attachArtifact, type SendArtifactOptions, sendArtifact } from "./artifact/push.ts";
export type { BootstrapOptions } from "./bootstrap.ts";
export type { BuildRequest } from "./build.ts";
export type { ContainerSize } from "./container-size.ts";
export { type CopiedTag, type CopyTagsRequest, copyAllTags } from "./copy/all-tags.ts";
export { type CopiedImage, type CopyRequest, copyBetween } from "./copy/copy.ts";
export type { CreateRequest } from "./create.ts";
export type { DoctorReport, ExaminedStore, Finding } from "./doctor.ts";
export { Engine, type EngineOptions } from "./engine.ts";
export type { HistoryRow } from "./history.ts";
export type { ImageSummary, LayerSize } from "./images.ts";
export type { ImportRequest } from "./import.ts";
export type { EngineInfo } from "./info.ts";
export { addToList, changed } from "./lists/add.ts";
export {
  allLists,
  changeList,
  createList,
  entryNamed,
  findList,
  getList,
  keyOf,
  type ManifestList,
  removeList,
} from "./lists/list.ts";
export { type PushListRequest, pushList } from "./lists/push.ts";
export type { LoadRequest } from "./load.ts";
export {
  type At,
  bootstrap,
  build,
  importImage,
  load,
  pull,
  push,
  save,
  serveRegistry,
} from "./operations.ts";
export {
  inspectConfig,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  login,
  logout,
  resolveRemote,
} from "./registry/browse.ts";
export { type DeletedReference, type DeleteRequest, deleteRemote } from "./registry/delete.ts";
export type { PullRequest, PullResult } from "./registry/pull.ts";
export type { PushRequest, PushResult } from "./registry/push.ts";
export { administerRegistry } from "./registry-server/administer.ts";
export { checkRegistryConfig } from "./registry-server/check.ts";
export { loadServerConfig } from "./registry-server/load-config.ts";
export { writeSteadily } from "./registry-server/log-file.ts";
export type { ServeRegistryRequest } from "./registry-server/serve.ts";
export {
  RegistryService,
  type RegistryServiceRequest,
  type ReloadReport,
} from "./registry-server/service.ts";
export { storageSettings } from "./registry-server/storage.ts";
export type { RemovedName } from "./remove-image.ts";
export type { SaveRequestOptions } from "./save.ts";
