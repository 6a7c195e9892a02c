export {
  chmodDescriptorPath,
  chownAt,
  type FileTime,
  fchmod,
  fchown,
  setTimes,
  setTimesAt,
} from "./attributes.ts";
export { BytePieces } from "./byte-pieces.ts";
export {
  type CapabilityName,
  type CapabilitySets,
  capabilities,
  capabilityNames,
  hasCapSysAdmin,
  parseCapabilities,
} from "./capability.ts";
export { type CgroupLayout, type CgroupMode, cgroupLayout, readCgroupLayout } from "./cgroup.ts";
export { ChildPipe } from "./child-pipe.ts";
export { Collections } from "./collections.ts";
export { holdControlGroupsReady, readyControlGroups } from "./control-group-move.ts";
export { type Attempt, errnoName, errnoNumber, errnoOf, fromNodeError, sysError } from "./errno.ts";
export { execve } from "./execve.ts";
export { exitAtOnce } from "./exit.ts";
export { FileMemory } from "./file-memory.ts";
export { Folder, openFolder } from "./folder.ts";
export { type FileFacts, FolderStats } from "./folder-stats.ts";
export { freeChunk, freeing } from "./free-chunk.ts";
export { isCached } from "./is-cached.ts";
export {
  isKernelAtLeast,
  type KernelVersion,
  kernelVersion,
  parseFileSystems,
  parseKernelVersion,
  supportedFileSystems,
} from "./kernel.ts";
export { addressOf } from "./libc.ts";
export {
  type FileLock,
  flock,
  type LockKind,
  lockFile,
  tryFlock,
  tryLockFile,
} from "./lock.ts";
export { bindMount, type MountCall, mount, mountFlags, umount, umountFlags } from "./mount.ts";
export { type ErofsMount, mountErofs } from "./mount-erofs.ts";
export { maxLowerLayers, mountOverlay, type OverlayMount } from "./mount-overlay.ts";
export { type MountInfo, parseMountInfo, readMountInfo } from "./mountinfo.ts";
export {
  countMappedIds,
  enterPrivateMountNamespace,
  hasImageIds,
  inPrivateMountNamespace,
  inUserNamespace,
  isInitialUidMap,
  namespaceFlags,
  unshare,
} from "./namespace.ts";
export {
  canOpenFileSystem,
  longestParameter,
  mountAttributes,
  mountNew,
  type NewMount,
} from "./new-mount.ts";
export {
  linkAt,
  makeDevice,
  mkdirAt,
  mkfifoAt,
  mknodAt,
  type NodeOptions,
  removeEmptyAt,
  removeFileAt,
  renameAt,
  renameFlags,
  rmdirAt,
  splitDevice,
  symlinkAt,
  unlinkAt,
} from "./node.ts";
export { atCwd, closeFd, openAt, openDirectory, readlinkAt } from "./open.ts";
export { type OpenOptions, openFlags, resolveFlags } from "./open-flags.ts";
export { PackedNames } from "./packed-names.ts";
export { cPath, nodePath } from "./path.ts";
export { allocatePiece, blockSize, Pieces, pieceSize } from "./piece.ts";
export {
  bootId,
  getgid,
  getuid,
  ignoresSignal,
  isProcessAlive,
  kill,
  ownMask,
  type ProcessStat,
  parseProcessStat,
  pidfdOpen,
  pidfdSendSignal,
  processStartTime,
  processStat,
} from "./process.ts";
export { PromisedFile } from "./promised-file.ts";
export { randomBetween, randomHex } from "./random.ts";
export { readAhead } from "./read-ahead.ts";
export { readPiece } from "./read-at.ts";
export { readFrom } from "./read-from.ts";
export { readPieces } from "./read-pieces.ts";
export { ResidentPages } from "./resident-pages.ts";
export { compileSeccomp, type SeccompFilter } from "./seccomp.ts";
export { connectSeqpacket, shutdownWrite } from "./seqpacket.ts";
export { type FileSystemStat, statfs } from "./statfs.ts";
export { StreamFile, type StreamFileOptions } from "./stream-file.ts";
export { fallocate, fsyncDirectory, syncFileRange, syncFileSystem, syncRangeFlags } from "./sync.ts";
export {
  leastKept,
  type PartialOptions,
  sweepTemporaries,
  Temporary,
  type TemporaryOptions,
} from "./temporary.ts";
export {
  makeRaw,
  setTerminalState,
  setWindowSizeOf,
  type TerminalSize,
  type TerminalState,
  terminalState,
  windowSize,
} from "./terminal.ts";
export { withUsualUmask } from "./usual-umask.ts";
export { writeAll } from "./write-all.ts";
export { openingTarget, writingTo } from "./write-target.ts";
export { getXattr, listXattrs, readXattrs, removeXattr, setXattr, type XattrTarget } from "./xattr.ts";
