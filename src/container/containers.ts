import { StrakeError } from "../errors/index.ts";
import type { CopyOptions, CopyPlace } from "./lifecycle/copy.ts";
import { type CreateOptions, createContainer } from "./lifecycle/create.ts";
import type { ExecOptions } from "./lifecycle/exec.ts";
import { type ContainerFilter, filterContainers } from "./lifecycle/filter.ts";
import { cleanupContainer } from "./lifecycle/finish.ts";
import {
  attachToContainer,
  type ForegroundOptions,
  type ForegroundResult,
  startInForeground,
} from "./lifecycle/foreground.ts";
import { inspectContainer } from "./lifecycle/inspect.ts";
import { EarlyLaunches } from "./lifecycle/launch.ts";
import { checkName } from "./lifecycle/name.ts";
import { reconcile, reconcileRecords } from "./lifecycle/reconcile.ts";
import type { ContainerRecord, ContainerRecords, ResolveUser, RootfsProvider } from "./lifecycle/record.ts";
import { observe, refresh } from "./lifecycle/refresh.ts";
import { type RemoveOptions, removeContainer } from "./lifecycle/remove.ts";
import { restartContainer } from "./lifecycle/restart.ts";
import type { ContainerServices } from "./lifecycle/services.ts";
import { type StartedContainer, type StartOptions, startContainer } from "./lifecycle/start.ts";
import { killContainer, type StopOptions, stopContainer, waitContainer } from "./lifecycle/stop.ts";
import type { LogLine, LogOptions } from "./monitor/log.ts";
import { containerPaths } from "./monitor/paths.ts";
import { resizeTerminal } from "./monitor/resize.ts";
import { lockVolume, type VolumeRecords, Volumes } from "./mount/volumes.ts";
import { BridgeNetwork } from "./network/bridge.ts";
import { Runtime } from "./runtime/runtime.ts";

export interface ContainersOptions {
  /** $STRAKE_ROOT. */
  readonly root: string;
  /** $STRAKE_RUNROOT. */
  readonly runRoot: string;
  readonly records: ContainerRecords;
  readonly volumes: VolumeRecords;
  readonly rootfs: RootfsProvider;
  readonly resolveUser: ResolveUser;
  /** Followed by an id: `strake container cleanup`. */
  readonly cleanupCommand: readonly string[];
  readonly runtime?: Runtime;
  readonly warn?: (message: string) => void;
}

/**
 * Containers of one store. Every call takes a name, an id or the beginning of one. What `run` has no use for is loaded when it is called.
 */
export class Containers {
  readonly services: ContainerServices;

  constructor(options: ContainersOptions) {
    let { runtime } = options;
    this.services = {
      root: options.root,
      runRoot: options.runRoot,
      records: options.records,
      rootfs: options.rootfs,
      resolveUser: options.resolveUser,
      volumes: new Volumes(options.root, options.volumes),
      network: new BridgeNetwork(options.runRoot, options.warn),
      runtime: () => {
        runtime ??= Runtime.find({ runRoot: options.runRoot });
        return runtime;
      },
      launches: new EarlyLaunches(),
      cleanupCommand: options.cleanupCommand,
      warn: options.warn ?? (() => {}),
    };
  }

  get volumes(): Volumes {
    return this.services.volumes;
  }

  /** Names of the containers, running or not, that have the volume. */
  usersOfVolume(name: string): string[] {
    const uses = (record: ContainerRecord) =>
      record.mounts.some((mount) => mount.type === "volume" && mount.name === name);
    return this.services.records
      .list()
      .filter(uses)
      .map((record) => record.name);
  }

  /**
   * Removes a volume and what is in it. A container that is being started has a record before it takes the same lock, so it is seen
   * here, or finds the volume gone and makes a new one. Errors: VOLUME_IN_USE.
   */
  async removeVolume(name: string): Promise<void> {
    using _lock = await lockVolume(this.services.runRoot, name);
    const users = this.usersOfVolume(name);
    if (users.length > 0)
      throw new StrakeError("VOLUME_IN_USE", `the volume ${name} is in use by ${users.join(", ")}`, {
        hint: `remove ${users.length > 1 ? "them" : "it"} first: strake rm ${users.join(" ")}`,
      });
    this.volumes.remove(name);
  }

  /** Makes a container without starting it. Errors: CONTAINER_NAME_TAKEN, CONTAINER_OPTIONS_INVALID. */
  create(options: CreateOptions): ContainerRecord {
    return createContainer(this.services, options);
  }

  /** To be called when `create` of a container that was to be started at once has failed, or what it was part of. */
  abandon(): Promise<void> {
    return this.services.launches.abandon(this.services);
  }

  /** Starts a created or exited container; resolves when it runs. Errors: CONTAINER_*, PORT_BUSY, NETWORK_FAILED. */
  start(reference: string, options?: StartOptions): Promise<StartedContainer> {
    return startContainer(this.services, this.idOf(reference), options);
  }

  /** Asks a container to end, kills it when it has not in time, and cleans up. One that is not running is fine. */
  stop(reference: string, options?: StopOptions): Promise<void> {
    return stopContainer(this.services, this.idOf(reference), options);
  }

  /** Stops a container, if it runs, and starts it again. */
  restart(reference: string, options?: StopOptions): Promise<void> {
    return restartContainer(this.services, this.idOf(reference), options);
  }

  /** Sends a signal, KILL when absent. Errors: CONTAINER_STATE when it is not running. */
  kill(reference: string, signal?: string): void {
    killContainer(this.services, this.idOf(reference), signal);
  }

  /** Resolves with the exit code when a container is over; at once when it already is. */
  wait(reference: string, signal?: AbortSignal): Promise<number> {
    return waitContainer(this.services, this.idOf(reference), signal);
  }

  /** Removes a container that is over, or any with `force`. Errors: CONTAINER_STATE. */
  remove(reference: string, options?: RemoveOptions): Promise<void> {
    return removeContainer(this.services, this.idOf(reference), options);
  }

  /** The exit command of monitors; see `cleanupContainer`. */
  cleanup(id: string): Promise<ContainerRecord | undefined> {
    return cleanupContainer(this.services, id);
  }

  /** A container as it is now. Errors: CONTAINER_NOT_FOUND. */
  get(reference: string): ContainerRecord {
    return refresh(this.services, this.idOf(reference));
  }

  /** Newest first. */
  list(filter: ContainerFilter = {}): ContainerRecord[] {
    const records = this.services.records
      .list()
      .map((record) => observe(this.services, record))
      .sort((a, b) => b.createdAt - a.createdAt);
    return filterContainers(records, filter);
  }

  /** `run` without `-d`, `start -a`: with the streams of this process, to the end. */
  startInForeground(reference: string, options?: ForegroundOptions): Promise<ForegroundResult> {
    return startInForeground(this.services, this.idOf(reference), options);
  }

  /** To the end of a running container, with the streams of this process. */
  attach(
    reference: string,
    options?: ForegroundOptions & { readonly noStdin?: boolean },
  ): Promise<ForegroundResult> {
    return attachToContainer(this.services, this.idOf(reference), options);
  }

  /** Runs another process in a running container; its exit code. Errors: CONTAINER_STATE, CONTAINER_COMMAND_NOT_FOUND, CONTAINER_COMMAND_NOT_EXECUTABLE. */
  async exec(reference: string, options: ExecOptions): Promise<number> {
    const { execInContainer } = await import("./lifecycle/exec.ts");
    return await execInContainer(this.services, this.idOf(reference), options);
  }

  /** What a container wrote, line by line, and with `follow` what it goes on to write. */
  async *logs(reference: string, options?: LogOptions): AsyncGenerator<LogLine, void, undefined> {
    const { readLog } = await import("./monitor/log.ts");
    const id = this.idOf(reference);
    const { log } = containerPaths(this.services.root, this.services.runRoot, id);
    const isOpen = () => {
      const record = this.services.records.get(id);
      return record !== undefined && observe(this.services, record).state.status === "running";
    };
    yield* readLog({ path: log, isOpen }, options);
  }

  /** Bytes of the files that a container wrote, its image's not counted. */
  writtenBytes({ snapshotter, image, id }: ContainerRecord): Promise<number> {
    const { data } = containerPaths(this.services.root, this.services.runRoot, id);
    return this.services.rootfs.written({ snapshotter, layers: image.layers, data });
  }

  /** Docker's JSON of one container. */
  inspect(reference: string): Record<string, unknown> {
    return inspectContainer(this.services, this.get(reference));
  }

  /** The processes of a running container, as ps shows them. */
  async top(
    reference: string,
    psArgs?: readonly string[],
  ): Promise<{ titles: string[]; processes: string[][] }> {
    const { topContainer } = await import("./lifecycle/top.ts");
    return await topContainer(this.services, this.idOf(reference), psArgs);
  }

  /** Copies files between a container, running or not, and the host. */
  async copy(from: CopyPlace, to: CopyPlace, options?: CopyOptions): Promise<void> {
    const { copyPath } = await import("./lifecycle/copy.ts");
    await copyPath(this.services, from, to, options);
  }

  /** A path of a container as a tar. */
  async *readArchive(reference: string, path: string): AsyncGenerator<Uint8Array, void, undefined> {
    const { readArchive } = await import("./lifecycle/copy.ts");
    yield* readArchive(this.services, this.idOf(reference), path);
  }

  /** Unpacks a tar into a folder of a container. */
  async writeArchive(
    reference: string,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options?: CopyOptions,
  ): Promise<void> {
    const { writeArchive } = await import("./lifecycle/copy.ts");
    await writeArchive(this.services, this.idOf(reference), path, source, options);
  }

  /** Gives the terminal of a container another size, in characters. */
  resize(reference: string, size: { readonly rows: number; readonly columns: number }): void {
    resizeTerminal(
      containerPaths(this.services.root, this.services.runRoot, this.idOf(reference)).winsize,
      size,
    );
  }

  /** Ends what was left half done. `deep` also asks every record, which a restart of the machine calls for. */
  async reconcile(options: { readonly deep?: boolean } = {}): Promise<void> {
    await reconcile(this.services);
    if (options.deep) await reconcileRecords(this.services);
  }

  /** Errors: CONTAINER_NAME_TAKEN, CONTAINER_OPTIONS_INVALID. */
  rename(reference: string, name: string): void {
    this.services.records.rename(this.idOf(reference), checkName(name));
  }

  private idOf(reference: string): string {
    return this.services.records.find(reference).id;
  }
}
