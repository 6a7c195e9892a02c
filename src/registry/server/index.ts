export { type Access, type AccessDecision, type AccessRequest, openAccess } from "./access.ts";
export { type AccessLog, type AccessRecord, printAccess } from "./access-log.ts";
export type { Admit, Change, RegistryEvent, RegistryListener } from "./events.ts";
export { Refusal, type RefusalCode } from "./protocol/refusal.ts";
export { Registry, type RegistryOptions } from "./server.ts";
export { FileStore } from "./storage/files.ts";
export { MemoryStore } from "./storage/memory.ts";
export type { ObjectStore, Upload } from "./storage/object-store.ts";
