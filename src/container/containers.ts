import { StrakeError } from "../errors/index.ts";
import { type CreateOptions, createContainer } from "./lifecycle/create.ts";
import { cleanupContainer } from "./lifecycle/finish.ts";
import { reconcile, reconcileRecords } from "./lifecycle/reconcile.ts";
import type { ContainerRecord, ContainerRecords, ResolveUser, RootfsProvider } from "./lifecycle/record.ts";
import { observe, refresh } from "./lifecycle/refresh.ts";
import { type RemoveOptions, removeContainer } from "./lifecycle/remove.ts";
import type { ContainerServices } from "./lifecycle/services.ts";
import { type StartedContainer, type StartOptions, startContainer } from "./lifecycle/start.ts";
import { killContainer, type StopOptions, stopContainer, waitContainer } from "./lifecycle/stop.ts";
import { Volumes } from "./mount/volumes.ts";
import { BridgeNetwork } from "./network/bridge.ts";
import { Runtime } from "./runtime/runtime.ts";

export interface ContainersOptions {
  /** $STRAKE_ROOT. */
  readonly root: string;
  /** $STRAKE_RUNROOT. */
  readonly runRoot: string;
  readonly records: ContainerRecords;
  readonly rootfs: RootfsProvider;
  readonly resolveUser: ResolveUser;
  /** Followed by an id: `strake container cleanup`. */
  readonly cleanupCommand: readonly string[];
  readonly runtime?: Runtime;
  readonly warn?: (message: string) => void;
}

/** Containers of one store. Every call takes a name, an id or the beginning of one. */
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
      volumes: new Volumes(options.root),
      network: new BridgeNetwork(options.runRoot, options.warn),
      runtime: () => {
        runtime ??= Runtime.find({ runRoot: options.runRoot });
        return runtime;
      },
      cleanupCommand: options.cleanupCommand,
      warn: options.warn ?? (() => {}),
    };
  }

  get volumes(): Volumes {
    return this.services.volumes;
  }

  create(options: CreateOptions): ContainerRecord {
    return createContainer(this.services, options);
  }

  start(reference: string, options?: StartOptions): Promise<StartedContainer> {
    return startContainer(this.services, this.idOf(reference), options);
  }

  stop(reference: string, options?: StopOptions): Promise<void> {
    return stopContainer(this.services, this.idOf(reference), options);
  }

  kill(reference: string, signal?: string): void {
    killContainer(this.services, this.idOf(reference), signal);
  }

  wait(reference: string, signal?: AbortSignal): Promise<number> {
    return waitContainer(this.services, this.idOf(reference), signal);
  }

  remove(reference: string, options?: RemoveOptions): Promise<void> {
    return removeContainer(this.services, this.idOf(reference), options);
  }

  /** The exit command of monitors; see `cleanupContainer`. */
  cleanup(id: string): Promise<ContainerRecord | undefined> {
    return cleanupContainer(this.services, id);
  }

  get(reference: string): ContainerRecord {
    return refresh(this.services, this.idOf(reference));
  }

  /** Newest first. */
  list(): ContainerRecord[] {
    return this.services.records
      .list()
      .map((record) => observe(this.services, record))
      .sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Ends what was left half done. `deep` also asks every record, which a restart of the machine calls for. */
  async reconcile(options: { readonly deep?: boolean } = {}): Promise<void> {
    await reconcile(this.services);
    if (options.deep) await reconcileRecords(this.services);
  }

  rename(reference: string, name: string): void {
    const id = this.idOf(reference);
    const record = this.services.records.update(id, (now) => ({ ...now, name }));
    if (record === undefined)
      throw new StrakeError("CONTAINER_NOT_FOUND", `there is no container "${reference}"`);
  }

  private idOf(reference: string): string {
    return this.services.records.find(reference).id;
  }
}
