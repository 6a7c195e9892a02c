import { checkArgument, nearest, StrakeError } from "../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeConfig,
  digestHex,
  familiarReference,
  formatReference,
  isDigest,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from "../oci/index.ts";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";
import type { Lease } from "./lease.ts";
import { isStored } from "./refs.ts";

/** An image of the store. Its ID is the digest of its configuration, which `store.blobs.read(id)` gives. */
export interface Image {
  readonly id: Digest;
  /** The manifest as pulled, loaded or built, when there is one. */
  readonly manifest?: Descriptor;
  /** RFC 3339, from the configuration. */
  readonly created?: string;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  /** When the store got it, milliseconds since the epoch. */
  readonly addedAt: number;
  /** Base layer first. */
  readonly diffIDs: readonly Digest[];
  /** Canonical references (`docker.io/library/x:tag`), sorted. */
  readonly tags: readonly string[];
  /** Canonical `domain/path@digest`, sorted. */
  readonly repoDigests: readonly string[];
}

export interface PutImageOptions {
  readonly configDigest: Digest;
  readonly manifest?: Descriptor;
  /** More blobs that live as long as the image: the index it came from, attestations. */
  readonly blobs?: readonly Digest[];
  readonly lease: Lease;
}

interface Row {
  readonly id: Digest;
  readonly manifest: string | null;
  readonly created: string | null;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly added_at: number;
}

export class Images {
  readonly #database: Database;
  readonly #blobs: Blobs;

  constructor(database: Database, blobs: Blobs) {
    this.#database = database;
    this.#blobs = blobs;
  }

  /**
   * Records an image whose config blob, manifest blob and layers are in the store. Idempotent; a manifest given later is
   * added. Errors: IMAGE_INCOMPLETE, CONFIG_INVALID, BLOB_NOT_FOUND.
   */
  put(options: PutImageOptions): Image {
    const { configDigest: id, manifest, lease } = options;
    const { value: config } = decodeConfig(this.#blobs.readSync(id));
    const blobs = [id, ...(manifest ? [manifest.digest] : []), ...(options.blobs ?? [])];
    return this.#database.write(() => {
      for (const key of blobs) this.#demand("blob", key);
      for (const key of config.rootfs.diff_ids) this.#demand("layer", key);
      this.#database.run(
        `insert into images values (?, ?, ?, ?, ?, ?, ?)
         on conflict (id) do update set manifest = coalesce(excluded.manifest, manifest)`,
        ...[id, manifest ? JSON.stringify(manifest) : null, config.created ?? null],
        ...[config.os, config.architecture, config.variant ?? null, Date.now()],
      );
      for (const digest of blobs)
        this.#database.run("insert or ignore into image_blobs values (?, ?)", id, digest);
      for (const [i, diffID] of config.rootfs.diff_ids.entries())
        this.#database.run("insert or ignore into image_layers values (?, ?, ?)", id, i, diffID);
      lease.add("image", id);
      return this.#image(id)!;
    });
  }

  /**
   * The image with this ID, reference (`latest` when it has no tag) or unambiguous beginning of an ID, tried in this
   * order. Undefined when there is none. Errors: IMAGE_AMBIGUOUS.
   */
  get(name: string): Image | undefined {
    return this.#database.read(() => {
      const id = this.#resolve(name);
      return id && this.#image(id);
    });
  }

  /** As `get`. Errors: IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS. */
  find(name: string): Image {
    const image = this.get(name);
    if (image) return image;
    throw new StrakeError("IMAGE_NOT_FOUND", `there is no image ${JSON.stringify(name)}`, {
      hint: `${this.#didYouMean(name)}\`strake images\` lists what is here`,
    });
  }

  #didYouMean(name: string): string {
    const names = this.#database
      .all<{ reference: string }>("select reference from tags")
      .map(({ reference }) => familiarReference(parseReference(reference)));
    const near = nearest(name, [...names.map((tag) => tag.replace(/:latest$/, "")), ...names]);
    return near === undefined ? "" : `did you mean ${near}? `;
  }

  /**
   * As `find`, and the lease keeps the image with its blobs and layers from that moment on, also when somebody
   * removes it: what was found can be read.
   */
  hold(name: string, lease: Lease): Image {
    return this.#database.write(() => {
      const image = this.find(name);
      lease.add("image", image.id);
      for (const key of image.diffIDs) lease.add("layer", key);
      const blobs = this.#database.all<{ digest: Digest }>(
        "select digest from image_blobs where image_id = ?",
        image.id,
      );
      for (const { digest } of blobs) lease.add("blob", digest);
      return image;
    });
  }

  /** The image a reference means, without the shorthand for IDs. */
  byReference(reference: Reference): Image | undefined {
    return this.#database.read(() => {
      const id = this.#idOfReference(reference);
      return id && this.#image(id);
    });
  }

  /** All images, the newest first. */
  list(): Image[] {
    return this.#database.read(() => {
      const rows = this.#database.all<Row>("select * from images order by added_at desc, id");
      return rows.map((row) => this.#complete(row));
    });
  }

  /**
   * Makes the reference (`latest` when it has no tag) mean this image; it may have meant another one. Gives the ID it
   * meant before. A tag that already means it is not written. Errors: IMAGE_NOT_FOUND, REFERENCE_INVALID (a digest cannot be a tag).
   */
  tag(reference: Reference, id: Digest): Digest | undefined {
    const key = tagKey(reference);
    const now = this.#tagged(key);
    if (now === id) return now;
    return this.#database.write(() => {
      if (!isStored(this.#database, { kind: "image", key: id }))
        throw new StrakeError("IMAGE_NOT_FOUND", `there is no image ${id}`);
      const before = this.#tagged(key);
      this.#database.run("insert or replace into tags values (?, ?, ?)", key, id, Date.now());
      return before;
    });
  }

  /** Removes a tag; the image stays. Gives the ID it meant. Errors: IMAGE_NOT_FOUND. */
  untag(reference: Reference): Digest {
    const key = tagKey(reference);
    return this.#database.write(() => {
      const id = this.#tagged(key);
      if (id === undefined)
        throw new StrakeError("IMAGE_NOT_FOUND", `there is no image ${familiarReference(reference)}`);
      this.#database.run("delete from tags where reference = ?", key);
      return id;
    });
  }

  /** Notes that the image was pulled or pushed under this digest (of its manifest, or of the index it is in). */
  addRepoDigest(reference: Reference, digest: Digest, id: Digest): void {
    const repository = repositoryName(reference);
    this.#database.run("insert or ignore into repo_digests values (?, ?, ?)", repository, digest, id);
  }

  removeRepoDigest(reference: Reference, digest: Digest): void {
    const repository = repositoryName(reference);
    this.#database.run("delete from repo_digests where repository = ? and digest = ?", repository, digest);
  }

  /** IDs of the containers made from the image. */
  usedBy(id: Digest): string[] {
    const rows = this.#database.all<{ holder: string }>(
      "select holder from refs where kind = 'image' and key = ? and holder_kind = 'container' order by holder",
      id,
    );
    return rows.map(({ holder }) => holder);
  }

  /**
   * Removes the image and all its names; its bytes go with the next gc. With `force` even while containers use it (what they stand
   * on stays). Errors: IMAGE_NOT_FOUND, IMAGE_IN_USE.
   */
  remove(id: Digest, options: { readonly force?: boolean } = {}): void {
    this.#database.write(() => {
      const users = this.usedBy(id);
      if (users.length > 0 && !options.force)
        throw new StrakeError(
          "IMAGE_IN_USE",
          `image ${short(id)} is used by container ${users[0]!.slice(0, 12)}`,
          {
            hint: `remove the container first (strake rm -f ${users[0]!.slice(0, 12)}), or force it`,
          },
        );
      for (const table of ["tags", "repo_digests", "image_layers", "image_blobs"])
        this.#database.run(`delete from ${table} where image_id = ?`, id);
      if (this.#database.run("delete from images where id = ?", id) === 0)
        throw new StrakeError("IMAGE_NOT_FOUND", `there is no image ${id}`);
    });
  }

  /**
   * Removes images that no container uses and no lease holds: those without a tag, or with `all` every one. `keep` decides for each
   * that would go. Gives what was removed.
   */
  prune(options: { readonly all?: boolean; readonly keep?: (image: Image) => boolean } = {}): Image[] {
    return this.#database.write(() => {
      const untagged = options.all ? "" : "and id not in (select image_id from tags)";
      const rows = this.#database.all<Row>(
        `select * from images where id not in (select key from refs where kind = 'image' and holder_kind <> 'cache') ${untagged}`,
      );
      const images = rows.map((row) => this.#complete(row)).filter((image) => !options.keep?.(image));
      for (const { id } of images) this.remove(id);
      return images;
    });
  }

  #demand(kind: "blob" | "layer", key: Digest): void {
    if (isStored(this.#database, { kind, key })) return;
    throw new StrakeError("IMAGE_INCOMPLETE", `the image needs ${kind} ${key}, which is not in the store`);
  }

  #resolve(name: string): Digest | undefined {
    checkArgument("an image's name or ID", name, "string");
    if (isDigest(name)) return this.#idOnly(name);
    if (/^[0-9a-f]{64}$/.test(name)) return this.#idOnly(`sha256:${name}` as Digest);
    const reference = tryReference(name);
    const named = reference && this.#idOfReference(reference);
    return named ?? this.#byPrefix(name.startsWith("sha256:") ? name.slice(7) : name);
  }

  #idOnly(id: Digest): Digest | undefined {
    return isStored(this.#database, { kind: "image", key: id }) ? id : undefined;
  }

  /** With a digest the digest decides, and a tag beside it is only a remark (as in Docker). */
  #idOfReference(reference: Reference): Digest | undefined {
    if (reference.digest === undefined) return this.#tagged(tagKey(reference));
    const row = this.#database.get<{ image_id: Digest }>(
      `select image_id from repo_digests join images on images.id = image_id
       where repository = ? and digest = ? order by added_at desc`,
      ...[repositoryName(reference), reference.digest],
    );
    return row?.image_id;
  }

  #byPrefix(prefix: string): Digest | undefined {
    if (!/^[0-9a-f]{1,63}$/.test(prefix)) return undefined;
    const rows = this.#database.all<{ id: Digest }>(
      "select id from images where id >= ? and id < ? limit 2",
      ...[`sha256:${prefix}`, `sha256:${prefix}g`],
    );
    if (rows.length > 1)
      throw new StrakeError("IMAGE_AMBIGUOUS", `several images have an ID that begins with ${prefix}`, {
        hint: "give more digits of the ID",
      });
    return rows[0]?.id;
  }

  #tagged(key: string): Digest | undefined {
    return this.#database.get<{ image_id: Digest }>("select image_id from tags where reference = ?", key)
      ?.image_id;
  }

  #image(id: Digest): Image | undefined {
    const row = this.#database.get<Row>("select * from images where id = ?", id);
    return row && this.#complete(row);
  }

  #complete(row: Row): Image {
    const column = <T extends string>(sql: string) =>
      this.#database.all<{ value: T }>(sql, row.id).map(({ value }) => value);
    return {
      id: row.id,
      ...(row.manifest === null ? {} : { manifest: JSON.parse(row.manifest) as Descriptor }),
      ...(row.created === null ? {} : { created: row.created }),
      os: row.os,
      architecture: row.architecture,
      ...(row.variant === null ? {} : { variant: row.variant }),
      addedAt: row.added_at,
      diffIDs: column<Digest>(
        "select diff_id as value from image_layers where image_id = ? order by position",
      ),
      tags: column("select reference as value from tags where image_id = ? order by 1"),
      repoDigests: column(
        "select repository || '@' || digest as value from repo_digests where image_id = ? order by 1",
      ),
    };
  }
}

function tagKey(reference: Reference): string {
  if (reference.digest !== undefined)
    throw new StrakeError(
      "REFERENCE_INVALID",
      `${familiarReference(reference)} names a digest, which is no tag`,
    );
  return formatReference(withDefaultTag(reference));
}

function tryReference(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}

function short(id: Digest): string {
  return digestHex(id).slice(0, 12);
}
