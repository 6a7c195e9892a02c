import type { BuildResult } from "../build/index.ts";
import type { ContainerRecord, Containers } from "../container/index.ts";
import { checkOptions, type OptionKinds } from "../errors/index.ts";
import { type Image, Store } from "../store/index.ts";
import { exitAtOnce } from "../sys/index.ts";
import { type BootstrapOptions, bootstrap } from "./bootstrap.ts";
import type { BuildRequest } from "./build.ts";
import type { ContainerSize } from "./container-size.ts";
import { openContainersOf } from "./containers.ts";
import type { CreateRequest } from "./create.ts";
import type { DoctorReport, ExaminedStore } from "./doctor.ts";
import { type HistoryRow, historyOf } from "./history.ts";
import { type ImageSummary, imageConfig, summarize } from "./images.ts";
import type { ImportRequest } from "./import.ts";
import type { EngineInfo } from "./info.ts";
import type { LoadRequest } from "./load.ts";
import type { PullRequest, PullResult } from "./registry/pull.ts";
import type { PushRequest, PushResult } from "./registry/push.ts";
import { type RemovedName, removeImage } from "./remove-image.ts";
import type { SaveRequestOptions } from "./save.ts";
import { tagImage } from "./tag.ts";

export interface EngineOptions {
  /** The data root; default STRAKE_ROOT, /var/lib/strake for root, else below XDG_DATA_HOME. */
  readonly root?: string;
  /** Mounts, sockets, pid files; default STRAKE_RUNROOT, /run/strake for root, else below XDG_RUNTIME_DIR. */
  readonly runRoot?: string;
  /** Followed by `container cleanup ID`, what monitors run when a container is over; default: the strake of this package. A bundled or compiled program has to say it. */
  readonly command?: readonly string[];
  /** Told what a person should know and no operation returns. */
  readonly warn?: (message: string) => void;
}

const optionKinds: OptionKinds<EngineOptions> = {
  ...{ root: "string?", runRoot: "string?", command: "strings?", warn: "function?" },
};

/**
 * Everything strake does, over one store. Any number of engines, in any number of processes, may share a store. Operations load their
 * code when first called, so that opening an engine costs next to nothing.
 */
export class Engine {
  readonly #store: Store;
  readonly #options: EngineOptions;
  #containers: Promise<Containers> | undefined;

  private constructor(store: Store, options: EngineOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Opens the store, making it when there is none. Errors: STORE_ROOT, STORE_VERSION, STORE_CORRUPT, SYS_DENIED. */
  static open(options: EngineOptions = {}): Engine {
    checkOptions("Engine.open", options, optionKinds);
    const { root, runRoot } = options;
    const store = Store.open({ ...(root ? { root } : {}), ...(runRoot ? { runRoot } : {}) });
    return new Engine(store, options);
  }

  /** What is kept on this machine. Errors: STORE_CLOSED. */
  get store(): Store {
    this.#store.checkOpen();
    return this.#store;
  }

  /** The containers of this store: create, start, stop, logs, exec, copy, inspect … */
  containers(): Promise<Containers> {
    this.#containers ??= openContainersOf(this.store, this.#options);
    return this.#containers;
  }

  /** Builds an image from a Dockerfile. Errors: BUILD_*, DOCKERFILE_*. */
  async build(request: BuildRequest): Promise<BuildResult> {
    const { buildImage } = await import("./build.ts");
    return await buildImage(this.store, request);
  }

  /** Makes a container of an image, without starting it; gives its id. Errors: IMAGE_NOT_FOUND, CONTAINER_*. */
  async create(request: CreateRequest): Promise<string> {
    const [{ createFromImage }, containers] = await Promise.all([import("./create.ts"), this.containers()]);
    try {
      return createFromImage(this.store, containers, request);
    } catch (error) {
      await containers.abandon();
      throw error;
    }
  }

  /** What a container of `containers().list()` takes on disk. */
  async containerSize(container: ContainerRecord): Promise<ContainerSize> {
    const [{ containerSize }, containers] = await Promise.all([
      import("./container-size.ts"),
      this.containers(),
    ]);
    return await containerSize(this.store, containers, container);
  }

  /** All images, the newest first, with their sizes. */
  images(): ImageSummary[] {
    const { store } = this;
    return store.read(() => store.images.list().map((image) => summarize(store, image)));
  }

  /** One image by id, reference or beginning of an id. Errors: IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS. */
  image(name: string): ImageSummary {
    const { store } = this;
    return store.read(() => summarize(store, store.images.find(name)));
  }

  /** An image's configuration. Errors: IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS. */
  config(name: string): ReturnType<typeof imageConfig> {
    using lease = this.store.lease("inspect");
    return imageConfig(this.store, this.store.images.hold(name, lease));
  }

  /** The instructions an image was made by, the last one first, with the size of each layer. */
  history(name: string): HistoryRow[] {
    using lease = this.store.lease("history");
    return historyOf(this.store, this.store.images.hold(name, lease));
  }

  /** Gives an image one more name. Errors: IMAGE_NOT_FOUND, REFERENCE_INVALID. */
  tag(name: string, reference: string): void {
    tagImage(this.store, name, reference);
  }

  /** Removes a name, and the image with its last one. Errors: IMAGE_NOT_FOUND, IMAGE_IN_USE. */
  removeImage(name: string, options: { readonly force?: boolean } = {}): RemovedName[] {
    return removeImage(this.store, name, options);
  }

  /** Removes images without a name, or all unused ones, and their bytes. */
  pruneImages(options: Parameters<Store["images"]["prune"]>[0] = {}): { removed: Image[]; freed: number } {
    const removed = this.store.images.prune(options);
    return { removed, freed: removed.length === 0 ? 0 : this.store.gc().freed };
  }

  /** Loads a docker-archive or OCI layout tar. Errors: ARCHIVE_*. */
  async load(request: LoadRequest): ReturnType<typeof import("./load.ts").loadImages> {
    const { loadImages } = await import("./load.ts");
    return await loadImages(this.store, request);
  }

  /** Writes images as one tar. Errors: IMAGE_NOT_FOUND. */
  async save(names: readonly string[], options: SaveRequestOptions): Promise<void> {
    const { saveImages } = await import("./save.ts");
    await saveImages(this.store, names, options);
  }

  /** Gets an image from a registry, or from a mirror of it. Errors: REGISTRY_*, BLOB_MISMATCH, LAYER_MISMATCH. */
  async pull(request: PullRequest): Promise<PullResult> {
    const { pullImage } = await import("./registry/pull.ts");
    return await pullImage(this.store, request);
  }

  /** Sends an image to a registry; what is there already is not sent. Errors: IMAGE_NOT_FOUND, REGISTRY_*. */
  async push(request: PushRequest): Promise<PushResult> {
    const { store } = this;
    const { pushImage, checkPush } = await import("./registry/push.ts");
    checkPush(request);
    const { platform } = request;
    if (platform === undefined) return await pushImage(store, request);
    const { pushPlatform } = await import("./lists/push-platform.ts");
    return await pushPlatform(store, { ...request, platform });
  }

  /** Makes an image of one layer from a tar of a root file system. Errors: TAR_*, DOCKERFILE_* (changes). */
  async import(request: ImportRequest): Promise<Image> {
    const { importImage } = await import("./import.ts");
    return await importImage(this.store, request);
  }

  /** Makes a base image from Debian's packages or busybox. Errors: BOOTSTRAP_*. */
  bootstrap(options: BootstrapOptions): Promise<Image> {
    return bootstrap(this.store, options);
  }

  /** Which parts are used, where things are. */
  async info(): Promise<EngineInfo> {
    const { engineInfo } = await import("./info.ts");
    return await engineInfo(this);
  }

  /** What is missing on this machine, with the fix. */
  doctor(): Promise<DoctorReport> {
    return Engine.examine(this.store);
  }

  /** As `doctor`, also of a store that cannot be opened. */
  static async examine(store: ExaminedStore): Promise<DoctorReport> {
    const { examine } = await import("./doctor.ts");
    return await examine(store);
  }

  /** To be called when every operation is done; what is called later fails with STORE_CLOSED. Idempotent. */
  close(): void {
    this.#store.close();
  }

  /**
   * Ends this process. What it changed is on the disk by then, unless nothing of it is `lasting`; the store is left as a kill would leave
   * it, which the next one to open it is made for and which saves 3 ms.
   */
  leaveProcess(code: number, options: { readonly lasting: boolean }): never {
    if (options.lasting) this.store.sync();
    return exitAtOnce(code);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
