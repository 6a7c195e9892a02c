import type { UpperEntry } from "../diff.ts";
import type { LayerPaths } from "../tree/index.ts";

export type SnapshotterName = "erofs" | "overlay" | "copy";

/** A layer as the store hands it out; its two files never change. */
export type SnapshotLayer = LayerPaths;

/** What a writable layer holds and belongs to. */
export interface Workspace {
  /**
   * Absolute path of a directory for this one root file system: what was written in it, and scratch. It must exist, on the
   * file system of the store, be empty at first, and is the caller's to keep or drop (`discard`).
   */
  readonly workspace: string;
  /** The image's layers, the base first; the same at every call for one workspace. None for an empty root. */
  readonly layers: readonly SnapshotLayer[];
}

export interface MountRequest extends Workspace {
  /** Existing empty directory where the root file system is to appear. */
  readonly target: string;
  /**
   * Existing directory that lies below all layers: what it holds is there where no layer has something of that name. Shared, and never written.
   * Default: none. Not for `copy`, whose root file systems are files of their own.
   */
  readonly below?: string;
  /** Nothing is to be written: no upper directory is made. */
  readonly readonly?: boolean;
  /**
   * What is written need not survive a crash of the machine, as in a build step that would be run again: syncs
   * become free. Such a workspace cannot be mounted a second time.
   */
  readonly volatile?: boolean;
  readonly signal?: AbortSignal;
}

/** A root file system in place. */
export interface Mount {
  /** Where it is: `target`, except for `copy`, whose files are in the workspace. */
  readonly rootfs: string;
  /** Same as `Snapshotter.unmount` for this mount. Idempotent. */
  unmount(): void;
}

/** One change of a writable layer, ready for `writeDiff`. */
export type DiffEntry = UpperEntry;

/** What a workspace takes on disk, layers not counted. */
export interface Usage {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Makes root file systems out of layers. Layers are shared and never written; each workspace is written by one mount at a time.
 * Any number of processes may use the same store at once; all methods hold only what they name, and a kill -9 at any
 * moment leaves nothing that `unmount` and `discard` of another process cannot take away.
 */
export interface Snapshotter {
  readonly name: SnapshotterName;
  /** Whether `mount` mounts, so that callers enter a private mount namespace first where they can. */
  readonly mounts: boolean;

  /**
   * Does what a mount of these layers needs once per layer. Optional, as `mount` does it too; idempotent; each layer is
   * atomic: a layer that is half done is done again.
   * Errors: SYS_EXHAUSTED (disk full), EROFS_INVALID (damaged layer), CANCELED.
   */
  prepare(layers: readonly SnapshotLayer[], options?: { readonly signal?: AbortSignal }): Promise<void>;

  /**
   * Puts the root file system in place, in this process's mount namespace. All or nothing. Whatever the workspace holds
   * from earlier mounts is there again. Not idempotent: a target that is in use is unmounted by the caller first.
   * Device nodes in it work and setuid bits count; what is inside is the container's business.
   * Errors: SYS_*, EROFS_INVALID, CANCELED.
   */
  mount(request: MountRequest): Promise<Mount>;

  /**
   * Takes away what `mount` put in place, in this process's mount namespace, also when another process did or died half-way.
   * Processes that still use it keep it alive until they end. Written data stay in the workspace. Idempotent.
   */
  unmount(place: { readonly workspace: string; readonly target: string }): void;

  /**
   * What was written, as tar entries in a fixed order: parents first, names in byte order, deletions as `.wh.` entries. The same
   * writes give the same entries. To be called when nobody writes; mounted or not.
   * Errors: SYS_*.
   */
  diff(workspace: Workspace, options?: { readonly signal?: AbortSignal }): AsyncIterable<DiffEntry>;

  /** Disk space of a workspace. */
  usage(workspace: string): Promise<Usage>;

  /** Unmounts nothing; removes all that is in the workspace, and itself. Idempotent. */
  discard(workspace: string): void;
}
