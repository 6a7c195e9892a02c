export {
  type AccessConfig,
  asksNobody,
  type Policy,
  type RepositoryAction,
  type Scope,
  type TokenConfig,
} from "./access/config.ts";
export { decodeAccessConfig } from "./access/decode-config.ts";
export { htpasswdLine } from "./access/htpasswd.ts";
export type { Robot } from "./access/robots.ts";
export { type Access, type AccessDecision, type AccessRequest, openAccess } from "./access.ts";
export type { AccessLog, AccessRecord } from "./access-log.ts";
export type { Administration, MadeRobot, NewRobot } from "./administration.ts";
export type { ServerConfig, StorageConfig, WebhookConfig } from "./config/config.ts";
export { decodeServerConfig } from "./config/decode.ts";
export { mergeDocuments, parseDocument } from "./config/document.ts";
export { repositoryPattern, timeSpan } from "./config/value.ts";
export { ControlClient } from "./control/client.ts";
export type { Admit, Change, RegistryEvent, RegistryListener } from "./events.ts";
export type { CollectOptions, CollectReport } from "./gc/collect.ts";
export type { DamagedBlob, ScrubOptions, ScrubReport } from "./gc/scrub.ts";
export type { TrashEntry } from "./gc/trash.ts";
export type { CollectionTimes, OnFailure, ScrubTimes } from "./housekeeping.ts";
export { checkRegistryOptions, openAdministration } from "./parts.ts";
export { Refusal, type RefusalCode } from "./protocol/refusal.ts";
export { decodeProxyConfig, type ProxyConfig, parseProxy, type UpstreamCredentials } from "./proxy/index.ts";
export type { QuotaRule } from "./quota/rules.ts";
export type { ExpiredTag, RetentionOptions, RetentionReport } from "./retention/retain.ts";
export type { RetentionRule } from "./retention/rules.ts";
export { type ChangeableOptions, Registry, type RegistryOptions } from "./server.ts";
export { FileStore } from "./storage/files.ts";
export { MemoryStore } from "./storage/memory.ts";
export type { ObjectStore, Upload } from "./storage/object-store.ts";
export { S3Store } from "./storage/s3.ts";
export type { S3Options } from "./storage/s3-client.ts";
export { type DefaultCredentialsOptions, defaultS3Credentials } from "./storage/s3-credentials/index.ts";
export { profileRegion } from "./storage/s3-credentials/profiles.ts";
export type { S3CredentialsProvider } from "./storage/s3-credentials/provider.ts";
export type { S3Credentials } from "./storage/s3-sign.ts";
export type { ServerTLS } from "./tls.ts";
export type { WebhookTarget } from "./webhooks/target.ts";
export type { WebhookOptions } from "./webhooks/webhooks.ts";
