export { Containers, type ContainersOptions } from "./containers.ts";
export { probeTools, type ToolProbe, type ToolReport } from "./doctor/probe.ts";
export { type CopyOptions, type CopyPlace, type PathKind, planCopy } from "./lifecycle/copy.ts";
export type { CreateOptions } from "./lifecycle/create.ts";
export type { ExecOptions } from "./lifecycle/exec.ts";
export { type ContainerFilter, filterContainers, parseFilters } from "./lifecycle/filter.ts";
export type { ForegroundOptions, ForegroundResult } from "./lifecycle/foreground.ts";
export { checkName, randomName } from "./lifecycle/name.ts";
export type {
  ContainerImage,
  ContainerMount,
  ContainerRecord,
  ContainerRecords,
  NetworkMode,
  ResolveUser,
  RootfsProvider,
  RootfsRequest,
} from "./lifecycle/record.ts";
export type { RemoveOptions } from "./lifecycle/remove.ts";
export { parseSignal } from "./lifecycle/signal.ts";
export type { StartedContainer, StartOptions } from "./lifecycle/start.ts";
export { type ContainerState, type ContainerStatus, describeState, duration } from "./lifecycle/state.ts";
export type { StopOptions } from "./lifecycle/stop.ts";
export type { Attachment, AttachOptions, OutputStream } from "./monitor/attach.ts";
export type { LogLine, LogOptions } from "./monitor/log.ts";
export { type MountRequest, parseMount, parseTmpfs, parseVolume } from "./mount/parse.ts";
export { type Volume, type VolumeRecords, type VolumeState, Volumes } from "./mount/volumes.ts";
export { BridgeNetwork, type Endpoint } from "./network/bridge.ts";
export type { HostEntry } from "./network/hosts.ts";
export { formatPort, type PortMapping, type PortProtocol, parsePorts } from "./network/ports.ts";
export { readInRoot } from "./rootfs/read.ts";
export { enterContainerNamespace } from "./runtime/host.ts";
export { missingRight, remedyForRights } from "./runtime/rights.ts";
export { findProgram, Runtime } from "./runtime/runtime.ts";
export { parseEnvFile } from "./spec/environment.ts";
export { bindMount, tmpfsMount } from "./spec/mounts.ts";
export type { Mount, ProcessUser } from "./spec/types.ts";
export { runStep, type StepOptions, type StepResult } from "./step/step.ts";
export { resolveAccount } from "./stored/accounts.ts";
export { type OpenContainersOptions, openContainers } from "./stored/open.ts";
export { StoredRecords } from "./stored/records.ts";
export { storedRootfs } from "./stored/rootfs.ts";
