import { closeSync, fstatSync, fsyncSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeIndex,
  decodeManifestOrIndex,
  digestHex,
  documentLimits,
  encodeDocument,
  encodeIndex,
  type Index,
  isDigest,
  type Manifest,
  matchesDigest,
  mediaTypes,
} from "../../oci/index.ts";
import { type ReceiveOptions, receiveContent } from "../../store/index.ts";
import {
  Folder,
  flock,
  openFolder,
  openingTarget,
  readFrom,
  sweepTemporaries,
  Temporary,
  writingTo,
} from "../../sys/index.ts";
import { blobName } from "../load/contents.ts";
import { layoutDocument } from "../save/documents.ts";
import { namesEntry, refName, withEntry } from "./entries.ts";

interface Call {
  readonly signal?: AbortSignal;
}

type ReceiveCall = Pick<ReceiveOptions, "signal" | "onProgress"> & {
  /** Told how many bytes were here of an earlier, interrupted call. */
  readonly onContinue?: ((bytes: number) => void) | undefined;
};

type Blob = Pick<Descriptor, "digest" | "size">;

/** A manifest or index of a layout, its bytes checked against its digest. */
type LayoutManifest = {
  readonly raw: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
} & (
  | { readonly kind: "manifest"; readonly value: Manifest }
  | { readonly kind: "index"; readonly value: Index }
);

/** Bytes that can be read from any offset. */
interface BlobSource {
  open(start: number, end: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * A folder with an OCI image layout (image-layout.md), to copy images from and into. Blobs appear under their names when they are
 * complete and what their digest says; the index is changed under a lock. No name leads out of the folder, whoever else writes in it:
 * each operation holds the folder open and has the kernel resolve what is below (`Folder`).
 */
export class OciLayout {
  readonly name: string;
  readonly #root: string;
  readonly #digests = new Set<Digest>();

  private constructor(root: string, name = `oci:${root}`) {
    this.#root = root;
    this.name = name;
  }

  /** An existing layout. `name`: as messages call it. Default: by its path. Errors: ARCHIVE_INVALID, ARCHIVE_NOT_FOUND. */
  static open(path: string, name?: string): OciLayout {
    const root = resolve(path);
    const layout = new OciLayout(root, name);
    let version: unknown;
    try {
      version = JSON.parse(layout.#read("oci-layout", 4096).toString()).imageLayoutVersion;
    } catch (cause) {
      if (cause instanceof StrakeError && cause.code !== "ARCHIVE_INCOMPLETE") throw cause;
      throw new StrakeError("ARCHIVE_INVALID", `${name ?? root} is no OCI image layout`, {
        hint: "a layout is a folder with the files oci-layout and index.json",
        cause,
      });
    }
    if (typeof version !== "string" || !version.startsWith("1."))
      throw new StrakeError(
        "ARCHIVE_INVALID",
        `the OCI layout ${name ?? root} has version ${JSON.stringify(version)}, not 1.x`,
      );
    return layout;
  }

  /** The layout at a path, made where there is nothing or an empty folder. `name`: as of `open`. Errors: ARCHIVE_INVALID, USAGE. */
  static create(path: string, name?: string): OciLayout {
    const root = resolve(path);
    using folder = openingTarget(root, () => {
      mkdirSync(root, { recursive: true });
      return Folder.open(root);
    });
    sweepTemporaries(folder);
    if (folder.lstat("oci-layout")) return OciLayout.open(root, name);
    if (folder.lstat("index.json") === undefined) replace(folder, "index.json", indexOf([]));
    replace(folder, "oci-layout", layoutDocument);
    return new OciLayout(root, name);
  }

  /** Blobs and manifests that were brought here, or found when they were to be. */
  get digests(): ReadonlySet<Digest> {
    return this.#digests;
  }

  /** What index.json names. */
  entries(): readonly Descriptor[] {
    return decodeIndex(this.#read("index.json", documentLimits.index)).value.manifests;
  }

  /** By digest, by the name in index.json, or with "" the only image there is. Errors: ARCHIVE_NOT_FOUND, ARCHIVE_MISMATCH. */
  async getManifest(reference: string): Promise<LayoutManifest> {
    if (isDigest(reference)) return this.#document({ digest: reference });
    const entries = this.entries();
    const fitting = entries.filter((entry) => reference === "" || namesEntry(entry, reference));
    const [found, other] = fitting;
    if (
      found !== undefined &&
      (other === undefined || fitting.every(({ digest }) => digest === found.digest))
    )
      return this.#document(found);
    const names = [...new Set(entries.map((entry) => refName(entry) ?? entry.digest))];
    throw new StrakeError(
      "ARCHIVE_NOT_FOUND",
      reference === ""
        ? `${this.name} holds ${entries.length} images`
        : `${this.name} holds ${found ? "several images" : "no image"} named ${reference}`,
      { hint: names.length === 0 ? "it is empty" : `it has ${names.slice(0, 20).join(", ")}` },
    );
  }

  async *openBlob(
    { digest, size }: Blob,
    options: Call & { readonly start?: number } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const fd = this.#openThere(blobName(digest));
    try {
      const there = fstatSync(fd).size;
      if (there !== size)
        throw new StrakeError(
          "ARCHIVE_MISMATCH",
          `${digest} in ${this.name} has ${there} bytes; ${size} were promised`,
        );
      for await (const chunk of readFrom(fd, options.start)) {
        throwIfAborted(options.signal);
        yield chunk;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Entries of index.json whose manifests have this one as their subject. */
  async referrers(digest: Digest): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    for (const entry of this.entries()) {
      const { value } = this.#document(entry);
      if (value.subject?.digest === digest) found.push(entry);
    }
    return found;
  }

  async headBlob(digest: Digest): Promise<number | undefined> {
    const fd = this.#open(blobName(digest));
    if (fd === undefined) return undefined;
    this.#digests.add(digest);
    try {
      return fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * What came of a large blob that was cut short stays in the layout for a while, and is gone on with. Errors: ARCHIVE_MISMATCH, SYS_EXHAUSTED,
   * CANCELED.
   */
  async uploadBlob(blob: Blob, source: BlobSource, options: ReceiveCall = {}): Promise<void> {
    await writingTo(this.name, () => this.#receive(blob, source, options));
  }

  async #receive(blob: Blob, source: BlobSource, options: ReceiveCall): Promise<void> {
    const { digest, size } = blob;
    using folder = Folder.open(this.#root);
    using temporary = Temporary.partial(folder, { digits: digestHex(digest), size });
    const { onContinue, ...call } = options;
    await receiveContent(temporary, blob, {
      ...call,
      ...(onContinue ? { onResumed: onContinue } : {}),
      open: (start) => (size === 0 ? [] : source.open(start, size)),
      mismatch: (found) =>
        new StrakeError(
          "ARCHIVE_MISMATCH",
          `what came for ${digest} has ${found.size} bytes and digest ${found.digest}; ${size} bytes were promised`,
        ),
    });
    this.#place(folder, temporary, blobName(digest));
    this.#digests.add(digest);
  }

  /** Under a name, or with a digest without one: then index.json names it only if it refers to another or nothing does. */
  async putManifest(
    reference: string,
    manifest: LayoutManifest,
    call: Call & { readonly isRoot?: boolean } = {},
  ) {
    const { raw, digest, mediaType, value } = manifest;
    using folder = Folder.open(this.#root);
    {
      using temporary = written(folder, raw);
      this.#place(folder, temporary, blobName(digest));
    }
    this.#digests.add(digest);
    const name = isDigest(reference) ? undefined : reference;
    if (name === undefined && value.subject === undefined && call.isRoot !== true) return;
    const entry: Descriptor = {
      ...{ mediaType, digest, size: raw.byteLength },
      ...(value.subject && value.artifactType ? { artifactType: value.artifactType } : {}),
    };
    const lock = this.#openThere("oci-layout", "write");
    try {
      await flock(lock, "exclusive", call.signal ? { signal: call.signal } : {});
      replace(folder, "index.json", indexOf(withEntry(this.entries(), entry, name)));
    } finally {
      closeSync(lock);
    }
  }

  #document({ digest, size, mediaType }: Partial<Descriptor> & { readonly digest: Digest }): LayoutManifest {
    const raw = this.#read(blobName(digest), documentLimits.index);
    if ((size !== undefined && raw.byteLength !== size) || !matchesDigest(raw, digest))
      throw new StrakeError(
        "ARCHIVE_MISMATCH",
        `${digest} in ${this.name} is not what its digest says: it was changed or damaged`,
      );
    return { ...decodeManifestOrIndex(raw, mediaType), digest };
  }

  /** A file of the layout; undefined when it is not there. Errors: ARCHIVE_INVALID for what is no file or leads out. */
  #open(name: string, access: "read" | "write" = "read"): number | undefined {
    using folder = openFolder(this.#root);
    try {
      return folder?.openFile(name, access);
    } catch (cause) {
      if (!(cause instanceof StrakeError) || cause.code !== "SYS_INVALID") throw cause;
      throw new StrakeError(
        "ARCHIVE_INVALID",
        `${name} in ${this.name} is no file, or a link that leads out of the layout`,
        { hint: "copy the layout with its links followed (cp -rL) and read that", cause },
      );
    }
  }

  /** As `#open`. Errors: ARCHIVE_INCOMPLETE when it is not there. */
  #openThere(name: string, access: "read" | "write" = "read"): number {
    const fd = this.#open(name, access);
    if (fd !== undefined) return fd;
    throw new StrakeError("ARCHIVE_INCOMPLETE", `${this.name} names ${name}, which is not in it`);
  }

  #read(name: string, limit: number): Buffer {
    const fd = this.#openThere(name);
    try {
      if (fstatSync(fd).size > limit)
        throw new StrakeError("ARCHIVE_LIMIT", `${name} in ${this.name} has more than ${limit} bytes`);
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Errors: ARCHIVE_INVALID when a folder of blobs is a link: a layout from elsewhere must not choose where we write. */
  #place(root: Folder, temporary: Temporary, name: string): void {
    const slash = name.lastIndexOf("/");
    try {
      using folder = root.folder(name.slice(0, slash), { make: true });
      temporary.place(folder, name.slice(slash + 1), { replace: true });
    } catch (cause) {
      if (!(cause instanceof StrakeError) || cause.code !== "SYS_INVALID") throw cause;
      throw new StrakeError(
        "ARCHIVE_INVALID",
        `${name.slice(0, slash)} in ${this.name} is no real folder; nothing is written through a link`,
        { cause },
      );
    }
  }
}

/** A temporary file with these bytes, on disk. */
function written(folder: Folder, bytes: Uint8Array): Temporary {
  const temporary = Temporary.file(folder);
  try {
    writeFileSync(temporary.fd, bytes);
    fsyncSync(temporary.fd);
    return temporary;
  } catch (error) {
    temporary[Symbol.dispose]();
    throw error;
  }
}

function replace(folder: Folder, name: string, bytes: Uint8Array): void {
  using temporary = written(folder, bytes);
  temporary.place(folder, name, { replace: true });
}

function indexOf(manifests: readonly Descriptor[]): Uint8Array {
  if (manifests.length === 0)
    return encodeDocument({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  return encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}
