import {
  closeSync,
  createReadStream,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve, sep } from "node:path";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import {
  createDigester,
  type Descriptor,
  type Digest,
  decodeIndex,
  decodeManifestOrIndex,
  digestAlgorithm,
  documentLimits,
  encodeDocument,
  encodeIndex,
  type Index,
  isDigest,
  type Manifest,
  matchesDigest,
  mediaTypes,
} from "../../oci/index.ts";
import { lockFile, randomHex } from "../../sys/index.ts";
import { blobName } from "../load/contents.ts";
import { layoutDocument } from "../save/documents.ts";
import { namesEntry, refName, withEntry } from "./entries.ts";

interface Call {
  readonly signal?: AbortSignal;
}

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
 * complete and what their digest says; the index is changed under a lock. Symbolic links may not lead out of the folder.
 */
export class OciLayout {
  readonly name: string;
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
    this.name = `oci:${root}`;
  }

  /** An existing layout. Errors: ARCHIVE_INVALID, ARCHIVE_NOT_FOUND. */
  static open(path: string): OciLayout {
    const root = resolve(path);
    const layout = new OciLayout(root);
    let version: unknown;
    try {
      version = JSON.parse(layout.#read("oci-layout", 4096).toString()).imageLayoutVersion;
    } catch (cause) {
      if (cause instanceof StrakeError && cause.code !== "ARCHIVE_INCOMPLETE") throw cause;
      throw new StrakeError("ARCHIVE_INVALID", `${root} is no OCI image layout`, {
        hint: "a layout is a folder with the files oci-layout and index.json",
        cause,
      });
    }
    if (typeof version !== "string" || !version.startsWith("1."))
      throw new StrakeError(
        "ARCHIVE_INVALID",
        `the OCI layout ${root} has version ${JSON.stringify(version)}, not 1.x`,
      );
    return layout;
  }

  /** The layout at a path, made where there is nothing or an empty folder. Errors: ARCHIVE_INVALID. */
  static create(path: string): OciLayout {
    const root = resolve(path);
    mkdirSync(root, { recursive: true });
    const layout = new OciLayout(root);
    if (lstatSync(join(root, "oci-layout"), { throwIfNoEntry: false })) return OciLayout.open(root);
    layout.#replace("index.json", indexOf([]), { unlessThere: true });
    layout.#replace("oci-layout", layoutDocument);
    return layout;
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
    const path = this.#inside(blobName(digest));
    const there = path === undefined ? undefined : lstatSync(realpathSync(path)).size;
    if (path === undefined || there === undefined)
      throw new StrakeError("ARCHIVE_INCOMPLETE", `${this.name} names ${digest}, which is not in it`);
    if (there !== size)
      throw new StrakeError(
        "ARCHIVE_MISMATCH",
        `${digest} in ${this.name} has ${there} bytes; ${size} were promised`,
      );
    for await (const chunk of createReadStream(path, { start: options.start ?? 0, highWaterMark: 1 << 20 })) {
      throwIfAborted(options.signal);
      yield chunk as Uint8Array;
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
    const path = this.#inside(blobName(digest));
    return path === undefined ? undefined : lstatSync(path).size;
  }

  /** Errors: ARCHIVE_MISMATCH, CANCELED. */
  async uploadBlob(
    blob: Blob,
    source: BlobSource,
    options: Call & { readonly onProgress?: (bytes: number) => void } = {},
  ): Promise<void> {
    const { temporary, fd } = this.#begin();
    try {
      const digester = createDigester(digestAlgorithm(blob.digest));
      let size = 0;
      for await (const chunk of blob.size === 0 ? [] : source.open(0, blob.size)) {
        throwIfAborted(options.signal);
        digester.update(chunk);
        for (let at = 0; at < chunk.byteLength; ) at += writeSync(fd, chunk, at);
        size += chunk.byteLength;
        options.onProgress?.(size);
      }
      const digest = digester.digest();
      if (size !== blob.size || digest !== blob.digest)
        throw new StrakeError(
          "ARCHIVE_MISMATCH",
          `what came for ${blob.digest} has ${size} bytes and digest ${digest}; ${blob.size} bytes were promised`,
        );
      fsyncSync(fd);
      this.#finish(temporary, blobName(blob.digest));
    } finally {
      closeSync(fd);
      rmSync(temporary, { force: true });
    }
  }

  /** Under a name, or with a digest without one: then index.json names it only if it refers to another or nothing does. */
  async putManifest(
    reference: string,
    manifest: LayoutManifest,
    call: Call & { readonly isRoot?: boolean } = {},
  ) {
    const { raw, digest, mediaType, value } = manifest;
    this.#finish(this.#written(raw), blobName(digest));
    const name = isDigest(reference) ? undefined : reference;
    if (name === undefined && value.subject === undefined && call.isRoot !== true) return;
    const entry: Descriptor = {
      ...{ mediaType, digest, size: raw.byteLength },
      ...(value.subject && value.artifactType ? { artifactType: value.artifactType } : {}),
    };
    using _lock = await lockFile(join(this.#root, "oci-layout"), call.signal ? { signal: call.signal } : {});
    this.#replace("index.json", indexOf(withEntry(this.entries(), entry, name)));
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

  /** The path of a file of the layout; undefined when it is not there. Errors: ARCHIVE_INVALID for a link that leads out. */
  #inside(name: string): string | undefined {
    const path = join(this.#root, name);
    let real: string;
    try {
      real = realpathSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new StrakeError("ARCHIVE_INVALID", `cannot read ${path}`, { cause: error });
    }
    if (real.startsWith(realpathSync(this.#root) + sep)) return path;
    throw new StrakeError("ARCHIVE_INVALID", `${path} is a symbolic link that leads out of the layout`, {
      hint: "copy the layout with its links followed (cp -rL) and read that",
    });
  }

  #read(name: string, limit: number): Buffer {
    const path = this.#inside(name);
    if (path === undefined)
      throw new StrakeError("ARCHIVE_INCOMPLETE", `${this.name} names ${name}, which is not in it`);
    const fd = openSync(path, "r");
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.size > limit)
        throw new StrakeError("ARCHIVE_LIMIT", `${path} is no file of at most ${limit} bytes`);
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  #begin(): { temporary: string; fd: number } {
    const temporary = join(this.#root, `.strake-${randomHex(8)}`);
    return { temporary, fd: openSync(temporary, "wx", 0o644) };
  }

  /** A temporary file with these bytes, on disk. */
  #written(bytes: Uint8Array): string {
    const { temporary, fd } = this.#begin();
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return temporary;
  }

  #finish(temporary: string, name: string): void {
    const [folder, algorithm] = name.split("/") as [string, string];
    for (const path of [join(this.#root, folder), join(this.#root, folder, algorithm)]) {
      mkdirSync(path, { recursive: true });
      // A layout from elsewhere must not choose where we write.
      if (lstatSync(path).isSymbolicLink())
        throw new StrakeError("ARCHIVE_INVALID", `${path} is a symbolic link; nothing is written through it`);
    }
    renameSync(temporary, join(this.#root, name));
  }

  #replace(name: string, bytes: Uint8Array, options: { readonly unlessThere?: boolean } = {}): void {
    const path = join(this.#root, name);
    if (options.unlessThere && lstatSync(path, { throwIfNoEntry: false })) return;
    renameSync(this.#written(bytes), path);
  }
}

function indexOf(manifests: readonly Descriptor[]): Uint8Array {
  if (manifests.length === 0)
    return encodeDocument({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  return encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}
