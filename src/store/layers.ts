import {
  closeSync,
  existsSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import type { Descriptor, Digest } from "../oci/index.ts";
import { fsyncDirectory } from "../sys/index.ts";
import { layerDamage } from "./damage.ts";
import type { Database } from "./database.ts";
import { writeError } from "./disk.ts";
import { type Layout, layerPath } from "./layout.ts";
import type { Lease } from "./lease.ts";
import { PartialBlobs } from "./partial-blobs.ts";
import { readPieces } from "./read-pieces.ts";
import { temporaryName } from "./temporary.ts";

/** A stored layer: its tar, byte for byte, and the EROFS index of it (DESIGN.md 1). */
export interface Layer {
  readonly diffID: Digest;
  /** Bytes of layer.tar. */
  readonly size: number;
  /** Bytes of all files of the layer. */
  readonly diskSize: number;
  /** Entries in the tar. */
  readonly entries: number;
  /** The layer's folder: a snapshotter finds side files here. */
  readonly dir: string;
  readonly tarPath: string;
  readonly indexPath: string;
  /** What `gc --verify` found wrong with its bytes. */
  readonly damage?: string;
}

/** A layer being made. Whoever began it ends it, with commit or abort. */
export interface LayerTransaction {
  /** A folder of this transaction alone; everything in it becomes part of the layer. */
  readonly dir: string;
  /** In the folder, or beside it when it is one that is `resumed`: then it is in the folder from `commit` on. */
  readonly tarPath: string;
  readonly indexPath: string;
  /** Bytes of the tar that are there already, of an earlier transaction that was suspended or killed. Nobody has compared them with anything yet. */
  readonly tarSize: number;
  /**
   * Syncs the files and moves the folder to its place in one rename. When the layer is there already, undamaged, that one is kept
   * and this one dropped. The lease keeps it. On error the folder is gone. Errors: STORE_FULL.
   */
  commit(diffID: Digest, facts: { readonly size: number; readonly entries: number }): Promise<Layer>;
  /** Drops it. Idempotent; does nothing after a commit. */
  abort(): void;
  /** Ends it as `abort`, but the tar of a layer that was to be `resumed` stays for the next one who begins it. */
  suspend(): void;
}

export interface BeginLayerOptions {
  /** The layer it will be, where that is known: its tar goes on where an earlier transaction was cut short, also in a process that is gone. */
  readonly resumed?: Digest;
}

interface Facts extends Pick<Layer, "diffID" | "diskSize" | "size" | "entries"> {
  /** Of layer.erofs; null when the layer has none. */
  readonly indexDigest: Digest | null;
}

interface Row {
  readonly diff_id: Digest;
  readonly size: number;
  readonly disk_size: number;
  readonly entries: number;
  readonly damage: string | null;
}

export class Layers {
  readonly #database: Database;
  readonly #layout: Layout;
  readonly #partials: PartialBlobs;

  constructor(database: Database, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
    this.#partials = new PartialBlobs(layout.work);
  }

  get(diffID: Digest): Layer | undefined {
    const row = this.#database.get<Row>("select * from layers where diff_id = ?", diffID);
    return row && this.#layer(row);
  }

  /** The layers with these diff IDs, in their order. Errors: LAYER_NOT_FOUND. */
  all(diffIDs: readonly Digest[]): Layer[] {
    return diffIDs.map((diffID) => {
      const layer = this.get(diffID);
      if (layer) return layer;
      throw new StrakeError("LAYER_NOT_FOUND", `layer ${diffID} is not in the store`);
    });
  }

  /**
   * The layers with these diff IDs for somebody who reads their files: those that lost bytes are refused, and so never
   * run or passed on. Errors: LAYER_NOT_FOUND, LAYER_DAMAGED.
   */
  intact(diffIDs: readonly Digest[]): Layer[] {
    const layers = this.all(diffIDs);
    for (const layer of new Set(layers)) {
      const damage = layerDamage(layer.dir, layer);
      if (damage === undefined) continue;
      throw new StrakeError("LAYER_DAMAGED", `layer ${layer.diffID} is damaged: ${damage}`, {
        hint: "load, pull or build an image with this layer again, which replaces it; `strake gc --verify` lists all damage",
      });
    }
    return layers;
  }

  /** Whether the layer is here and its files are as long as they were. */
  isIntact(diffID: Digest): boolean {
    const layer = this.get(diffID);
    return layer !== undefined && layerDamage(layer.dir, layer) === undefined;
  }

  list(): Layer[] {
    return this.#database.all<Row>("select * from layers order by diff_id").map((row) => this.#layer(row));
  }

  /** Starts a layer in a folder of its own. */
  begin(lease: Lease, { resumed }: BeginLayerOptions = {}): LayerTransaction {
    const dir = join(this.#layout.layers, temporaryName());
    const begun = resumed === undefined ? undefined : this.#beginTar(resumed);
    const { path: tarPath, size: tarSize } = begun ?? { path: filesIn(dir).tarPath, size: 0 };
    const end = (keepsTar: boolean) => {
      if (begun && keepsTar) this.#partials.keep(tarPath);
      else if (begun) this.#partials.forget(tarPath);
      rmSync(dir, { recursive: true, force: true });
    };
    try {
      mkdirSync(dir, { mode: 0o700 });
    } catch (error) {
      end(true);
      throw writeError(error);
    }
    return {
      ...{ dir, tarPath, tarSize, indexPath: filesIn(dir).indexPath },
      abort: () => end(false),
      suspend: () => end(true),
      commit: async (diffID, facts) => {
        try {
          if (begun) renameSync(tarPath, filesIn(dir).tarPath);
          const diskSize = await syncFiles(dir);
          const indexDigest = fileDigest(filesIn(dir).indexPath);
          return this.#publish(dir, { diffID, diskSize, indexDigest, ...facts }, lease);
        } catch (error) {
          throw writeError(error);
        } finally {
          // After the renames there is nothing of these names.
          end(false);
        }
      },
    };
  }

  /** A tar that is the only file it ever is: what came of it is written on, and gets its place by a rename. */
  #beginTar(diffID: Digest): { readonly path: string; readonly size: number } {
    const partial = this.#partials.take(diffID);
    if (partial && partial.size > 0) return partial;
    partial?.drop();
    return { path: this.#partials.begin(diffID), size: 0 };
  }

  /** Compressed forms of a layer whose blobs are in the store. */
  forms(diffID: Digest): Pick<Descriptor, "mediaType" | "digest" | "size">[] {
    return this.#database.all(
      "select media_type as mediaType, digest, size from layer_forms where diff_id = ? and digest in (select digest from blobs)",
      diffID,
    );
  }

  /** Remembers that the blob is a compressed form of the layer; it then lives as long as the layer. */
  addForm(diffID: Digest, form: Pick<Descriptor, "mediaType" | "digest" | "size">): void {
    this.#database.run(
      "insert or replace into layer_forms values (?, ?, ?, ?)",
      ...[diffID, form.mediaType, form.digest, form.size],
    );
  }

  /** The layer of which this blob is a compressed form: a pull need not fetch it again. */
  byForm(digest: Digest): Layer | undefined {
    const row = this.#database.get<Row>(
      "select layers.* from layer_forms join layers using (diff_id) where digest = ?",
      digest,
    );
    return row && this.#layer(row);
  }

  #publish(dir: string, facts: Facts, lease: Lease): Layer {
    const target = layerPath(this.#layout, facts.diffID);
    try {
      return this.#database.write(() => {
        if (!lease.add("layer", facts.diffID) || !this.isIntact(facts.diffID)) {
          this.#clear(target);
          renameSync(dir, target);
          fsyncDirectory(this.#layout.layers);
          this.#database.run(
            "insert or replace into layers values (?, ?, ?, ?, ?, ?, null)",
            ...[facts.diffID, facts.size, facts.diskSize, facts.entries, Date.now(), facts.indexDigest],
          );
        }
        return this.get(facts.diffID)!;
      });
    } catch (error) {
      // A commit that failed leaves a folder without a row behind; nobody else can have made it their own.
      this.#database.rehearse(() => {
        if (!this.get(facts.diffID)) rmSync(target, { recursive: true, force: true });
      });
      throw error;
    }
  }

  /** A folder without a row is what a killed process or a lost commit left: rename(2) would refuse to replace it. */
  #clear(target: string): void {
    if (existsSync(target)) renameSync(target, join(this.#layout.trash, temporaryName()));
  }

  #layer(row: Row): Layer {
    const dir = layerPath(this.#layout, row.diff_id);
    return {
      diffID: row.diff_id,
      size: row.size,
      diskSize: row.disk_size,
      entries: row.entries,
      dir,
      ...filesIn(dir),
      ...(row.damage !== null && { damage: row.damage }),
    };
  }
}

function filesIn(dir: string): { tarPath: string; indexPath: string } {
  return { tarPath: join(dir, "layer.tar"), indexPath: join(dir, "layer.erofs") };
}

function fileDigest(path: string): Digest | null {
  if (!existsSync(path)) return null;
  const hash = new Bun.CryptoHasher("sha256");
  readPieces(path, (piece) => hash.update(piece));
  return `sha256:${hash.digest("hex")}` as Digest;
}

/** Makes the files of a finished layer durable, off the main thread; gives their bytes. */
async function syncFiles(dir: string): Promise<number> {
  const sizes = await Promise.all(
    readdirSync(dir).map(async (name) => {
      const path = join(dir, name);
      const stat = statSync(path);
      if (!stat.isFile()) return 0;
      const fd = openSync(path, "r");
      try {
        await flush(fd);
      } finally {
        closeSync(fd);
      }
      return stat.size;
    }),
  );
  fsyncDirectory(dir);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function flush(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fsync(fd, (error) => (error ? reject(error) : resolve())));
}
