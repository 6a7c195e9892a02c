export { copySnapshotter } from "./copy.ts";
export { erofsSnapshotter } from "./erofs.ts";
export { overlaySnapshotter } from "./overlay.ts";
export { type SelectOptions, selectSnapshotter, snapshotterByName, surveySnapshotters } from "./select.ts";
export type {
  DiffEntry,
  Mount,
  MountRequest,
  SnapshotLayer,
  Snapshotter,
  SnapshotterName,
  Usage,
  Workspace,
} from "./snapshotter.ts";
