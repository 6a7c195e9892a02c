import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkArgument, StrakeError } from "../../../errors/index.ts";
import { type FileLock, tryLockFile } from "../../../sys/index.ts";
import { Durable, errnoOfFile, missing } from "./durable.ts";
import { checkCondition, storageFault, tooLarge } from "./fault.ts";
import { FileUpload } from "./files-upload.ts";
import { checkKey, checkPrefix, isKey, isUploadId } from "./key.ts";
import { firstAfter, Listings } from "./listings.ts";
import type {
  ByteRange,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  SmallObject,
  Upload,
  WriteCondition,
} from "./object-store.ts";
import { ReadAhead } from "./read-ahead.ts";
import { Reserve } from "./reserve.ts";

/** Keys that are written on the way to freeing space. */
const forRemoval = /^(?:trash|collector)\//;

/**
 * Objects as files under one folder, for one process at a time (a lock says so):
 *
 *     lock   reserve   objects/<key>   uploads/<id>.data and .label   temporary/
 *
 * A write goes to `temporary/`, is flushed and renamed. A kill -9 at any moment leaves whole objects, resumable uploads
 * and at most garbage in `temporary/`, which the next start empties.
 */
export class FileStore implements ObjectStore {
  readonly kind = "files";
  readonly exclusive = true;
  readonly root: string;
  readonly #durable: Durable;
  readonly #lock: FileLock;
  readonly #reserve: Reserve;
  readonly #ahead = new ReadAhead();
  readonly #listings = new Listings();
  /** Conditional writes of one key take turns. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(root: string, lock: FileLock) {
    this.root = root;
    this.#lock = lock;
    this.#durable = new Durable(root);
    this.#reserve = new Reserve(join(root, "reserve"));
    this.#reserve.keep();
  }

  /** Throws REGISTRY_STORAGE_BUSY when another process has the folder open. */
  static async open(folder: string): Promise<FileStore> {
    checkArgument("FileStore.open: folder", folder, "string");
    const root = resolve(folder);
    let lock: FileLock | undefined;
    try {
      for (const name of ["objects", "uploads"])
        mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
      lock = tryLockFile(join(root, "lock"));
    } catch (cause) {
      throw storageFault(`the registry's folder ${root} cannot be used`, cause);
    }
    if (!lock)
      throw new StrakeError("REGISTRY_STORAGE_BUSY", `another process serves or tidies ${root}`, {
        hint: "a folder belongs to one process at a time; several replicas share an S3 bucket",
      });
    rmSync(join(root, "temporary"), { recursive: true, force: true });
    mkdirSync(join(root, "temporary"), { mode: 0o700 });
    return new FileStore(root, lock);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#stat(checkKey(key));
  }

  async get(key: string, range?: ByteRange): Promise<ObjectContent | undefined> {
    const info = this.#stat(checkKey(key));
    if (!info) return undefined;
    const path = this.#path(key);
    this.#ahead.begin(path, range ?? { start: 0, end: info.size });
    const file = Bun.file(path);
    return { ...info, body: range ? file.slice(range.start, range.end) : file };
  }

  async read(key: string, limit: number): Promise<SmallObject | undefined> {
    const info = this.#stat(checkKey(key));
    if (!info) return undefined;
    if (info.size > limit) throw tooLarge(key, info.size, limit);
    try {
      return { ...info, bytes: readFileSync(this.#path(key)) };
    } catch (error) {
      if (missing(error)) return undefined;
      throw storageFault(`${key} cannot be read`, error);
    }
  }

  async put(key: string, bytes: Uint8Array, condition?: WriteCondition): Promise<string> {
    checkKey(key);
    const write = () => this.#put(key, bytes, condition);
    return forRemoval.test(key) ? this.#reserve.with(write) : write();
  }

  #put(key: string, bytes: Uint8Array, condition: WriteCondition | undefined): Promise<string> {
    return this.#inTurn(key, async () => {
      checkCondition(key, this.#stat(key)?.etag, condition);
      await this.#noting(key, () => this.#durable.write(this.#path(key), bytes));
      return this.#stat(key)?.etag ?? "";
    });
  }

  async delete(key: string, etag?: string): Promise<boolean> {
    checkKey(key);
    return this.#inTurn(key, async () => {
      const info = this.#stat(key);
      if (!info) return false;
      checkCondition(key, info.etag, etag === undefined ? undefined : { ifMatch: etag });
      try {
        await this.#durable.remove(this.#path(key));
        this.#listings.removed(key);
      } catch (error) {
        this.#listings.forget();
        throw error;
      }
      this.#prune(key.slice(0, key.lastIndexOf("/") + 1));
      return true;
    });
  }

  async rename(key: string, to: string, etag: string): Promise<void> {
    checkKey(to);
    await this.#inTurn(checkKey(key), async () => {
      checkCondition(key, this.#stat(key)?.etag, { ifMatch: etag });
      await this.#noting(to, () => this.#durable.rename(this.#path(key), this.#path(to)));
      this.#listings.removed(key);
      this.#prune(key.slice(0, key.lastIndexOf("/") + 1));
    });
  }

  async list(prefix: string, { after = "", limit }: ListOptions): Promise<string[]> {
    const found: string[] = [];
    const empty: string[] = [];
    for (const key of this.#walk(checkPrefix(prefix), after, empty)) {
      if (found.length >= limit) break;
      if (!isKey(key)) continue;
      found.push(key);
    }
    for (const folder of empty) this.#prune(folder);
    return found;
  }

  async createUpload(label: string): Promise<Upload> {
    return FileUpload.create(this.#uploads(), label, this.#commit);
  }

  async openUpload(id: string): Promise<Upload | undefined> {
    return isUploadId(id) ? FileUpload.open(this.#uploads(), id, this.#commit) : undefined;
  }

  async staleUploads(before: number): Promise<string[]> {
    // Asked by every collection, which may have made room.
    this.#reserve.keep();
    const touched = (name: string) =>
      statSync(join(this.#uploads(), name), { throwIfNoEntry: false })?.mtimeMs ?? before;
    try {
      const names = readdirSync(this.#uploads()).filter((name) => name.endsWith(".data"));
      return names.filter((name) => touched(name) < before).map((name) => name.slice(0, -".data".length));
    } catch (error) {
      throw storageFault("the uploads cannot be listed", error);
    }
  }

  async dropUpload(id: string): Promise<void> {
    await (await this.openUpload(id))?.abort();
  }

  async check(): Promise<void> {
    const probe = join(this.root, "temporary", crypto.randomUUID());
    try {
      await Bun.write(probe, "x");
      unlinkSync(probe);
    } catch (error) {
      rmSync(probe, { force: true });
      const fault = storageFault(`the registry's folder ${this.root} cannot be written`, error);
      // What is there is served on from a full disk: nobody is to be sent away.
      if (fault.code !== "REGISTRY_FULL") throw fault;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#turns.values());
    this.#lock.release();
  }

  readonly #commit = (data: string, key: string): Promise<void> =>
    this.#inTurn(checkKey(key), () => this.#noting(key, () => this.#durable.rename(data, this.#path(key))));

  async #noting(key: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#listings.added(key);
    } catch (error) {
      this.#listings.forget();
      throw error;
    }
  }

  /**
   * Takes a folder and those above it as far as nothing is in them: every image and tag that ever was would leave some, and
   * every list be longer. A write makes its folders and its name in one go (`Durable.rename`), so none is taken from under it.
   */
  #prune(folder: string): void {
    for (
      let at = folder;
      at.indexOf("/") < at.length - 1;
      at = at.slice(0, at.lastIndexOf("/", at.length - 2) + 1)
    ) {
      try {
        rmdirSync(this.#path(at));
      } catch {
        return;
      }
      this.#listings.removed(at);
    }
  }

  #uploads(): string {
    return join(this.root, "uploads");
  }

  #path(key: string): string {
    return `${this.root}/objects/${key}`;
  }

  #stat(key: string): ObjectInfo | undefined {
    try {
      const stat = statSync(this.#path(key), { bigint: false, throwIfNoEntry: false });
      if (!stat?.isFile()) return undefined;
      // Every write makes a new inode: a number used again comes with another time.
      return { size: stat.size, etag: `${stat.ino}-${stat.mtimeMs}-${stat.size}`, modified: stat.mtimeMs };
    } catch (error) {
      if (missing(error)) return undefined;
      throw storageFault(`${key} cannot be read`, error);
    }
  }

  /** Keys under a prefix in byte order: a folder sorts as its name with a slash. Folders before `after` are not read. */
  *#walk(prefix: string, after: string, empty: string[]): Generator<string> {
    const names = this.#listings.of(prefix, () => this.#names(prefix));
    if (names.length === 0) empty.push(prefix);
    for (let i = firstAfter(names, prefix, after); i < names.length; i++) {
      const key = prefix + names[i];
      if (key.endsWith("/")) yield* this.#walk(key, after, empty);
      else yield key;
    }
  }

  #names(prefix: string): string[] {
    try {
      const entries = readdirSync(this.#path(prefix), { withFileTypes: true });
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    } catch (error) {
      if (missing(error)) return [];
      throw storageFault(`${prefix} cannot be listed`, error);
    }
  }

  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key);
    const turn = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    this.#turns.set(key, turn);
    try {
      return await turn;
    } catch (error) {
      throw error instanceof StrakeError ? error : storageFault(`${key}: ${errnoOfFile(error)}`, error);
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }
}
