import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TableMemory } from "../erofs/index.ts";
import { FileMemory } from "../sys/index.ts";
import { Blobs } from "./blobs.ts";
import { BuildCache } from "./build-cache.ts";
import { type CollectOptions, type CollectReport, collect } from "./collect.ts";
import { ContextStamps } from "./context-stamps.ts";
import { Database } from "./database.ts";
import { type DiskUsage, diskUsage } from "./disk-usage.ts";
import { Images } from "./images.ts";
import { Layers } from "./layers.ts";
import { defaultRoot, defaultRunRoot, type Layout, layoutOf, prepareRoot, reopenRoot } from "./layout.ts";
import { createLease, type Lease } from "./lease.ts";
import { Records } from "./records.ts";
import { keepReserve, withReserve } from "./reserve.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { temporaryName } from "./temporary.ts";
import { Uploads } from "./uploads.ts";

export interface StoreOptions {
  /** The data root; default STRAKE_ROOT, /var/lib/strake for root, else below XDG_DATA_HOME. */
  readonly root?: string;
  /** Default STRAKE_RUNROOT, /run/strake for root, else below XDG_RUNTIME_DIR. */
  readonly runRoot?: string;
}

/**
 * All that strake keeps on one machine (DESIGN.md 4): SQLite for what relates, files for bytes. Any number of processes
 * may have it open at once, and any of them may be killed at any moment: a name that exists is complete, and what nobody owns is
 * found by `gc`.
 */
export class Store {
  readonly layout: Layout;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly images: Images;
  readonly cache: BuildCache;
  readonly containers: Records;
  readonly networks: Records;
  readonly volumes: Records;
  /** Manifest lists in the making. */
  readonly lists: Records;
  /** How far uploads to registries are. */
  readonly uploads: Uploads;
  readonly #database: Database;

  private constructor(layout: Layout, database: Database) {
    this.layout = layout;
    this.#database = database;
    this.blobs = new Blobs(database, layout);
    this.layers = new Layers(database, layout);
    this.images = new Images(database, this.blobs);
    this.cache = new BuildCache(database);
    this.containers = new Records(database, "container");
    this.networks = new Records(database, "network");
    this.volumes = new Records(database, "volume");
    this.lists = new Records(database, "list");
    this.uploads = new Uploads(layout.work);
  }

  /**
   * Opens the store, making it when there is none. Errors: STORE_ROOT, STORE_VERSION (written by a newer strake),
   * STORE_CORRUPT, SYS_DENIED.
   */
  static open(options: StoreOptions = {}): Store {
    const layout = layoutOf(
      resolve(options.root ?? defaultRoot()),
      resolve(options.runRoot ?? defaultRunRoot()),
    );
    if (existsSync(layout.database)) reopenRoot(layout);
    else {
      prepareRoot(layout);
      keepReserve(layout);
    }
    return new Store(
      layout,
      withReserve(layout, () => new Database(layout.database)),
    );
  }

  get root(): string {
    return this.layout.root;
  }

  get runRoot(): string {
    return this.layout.runRoot;
  }

  /** A lease of this process; `purpose` is shown to people. */
  lease(purpose = ""): Lease {
    return createLease(this.#database, purpose);
  }

  /** The stamps of the build context at this absolute path, to be used as long as `memory` is open. */
  contextStamps(root: string, memory?: TableMemory): ContextStamps {
    return new ContextStamps(this.layout, root, memory);
  }

  /** Memory for large tables, on the file system of the layers once they are large. To be closed. */
  memory(): FileMemory {
    return new FileMemory(join(this.layout.work, temporaryName()));
  }

  /** A folder for a running operation, removed by its maker or, once that is dead, by gc. */
  scratch(): Scratch {
    return createScratch(this.layout);
  }

  /** Several changes as one: all of them happen or, when `work` throws, none. `work` must not wait for anything. */
  transaction<T>(work: () => T): T {
    return this.#database.write(work);
  }

  /** Several reads that see one state of the tables, whatever others change meanwhile. */
  read<T>(work: () => T): T {
    return this.#database.read(work);
  }

  /** Removes what nothing keeps, and with `verify` compares tables and disk both ways. */
  gc(options: CollectOptions = {}): CollectReport {
    return collect({ database: this.#database, layout: this.layout, cache: this.cache }, options);
  }

  df(): DiskUsage {
    return diskUsage(this.#database, this.layout);
  }

  /** Makes what this process did outlast a power cut; for one that ends without `close`, which does so too. */
  sync(): void {
    this.#database.sync();
  }

  /** Errors: STORE_CLOSED. */
  checkOpen(): void {
    this.#database.checkOpen();
  }

  /** What is called later fails with STORE_CLOSED. Idempotent. */
  close(): void {
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
