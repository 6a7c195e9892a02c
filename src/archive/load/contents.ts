import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  isDigest,
  sha256,
} from "../../oci/index.ts";
import { quote } from "../../tar/index.ts";

/** A layer of the archive, already in the store. */
export interface StoredLayer {
  readonly kind: "layer";
  readonly diffID: Digest;
  /** The bytes as the archive had them: the tar itself, or its compressed form, which is then a blob of the store. */
  readonly form: Pick<Descriptor, "digest" | "size">;
  readonly compression: "none" | "gzip" | "zstd" | "other";
}

/** A file of the archive, as far as it matters. Small documents are kept in memory, layers are in the store. */
export type ArchiveFile =
  | { readonly kind: "document"; readonly bytes: Uint8Array }
  | StoredLayer
  /** Neither a document nor a readable layer. The error says why, should anything refer to it. */
  | { readonly kind: "unreadable"; readonly size: number; readonly error: StrakeError };

/** How far links in an archive are followed. Docker writes one step, for layers that several images have. */
const linkLimit = 16;

/**
 * What an archive holds, by name. Names are only ever compared with each other: no name, link or id of an archive
 * becomes a path of the host (CVE-2014-9358).
 */
export class ArchiveContents {
  readonly #files = new Map<string, ArchiveFile>();
  readonly #links = new Map<string, string>();

  /** The last one of a name counts, as in any tar. */
  addFile(name: string, file: ArchiveFile): void {
    this.#links.delete(name);
    this.#files.set(name, file);
  }

  addLink(name: string, target: string): void {
    this.#files.delete(name);
    this.#links.set(name, target);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Errors: ARCHIVE_INCOMPLETE, ARCHIVE_INVALID. */
  document(name: string): Uint8Array {
    const file = this.#file(name);
    if (file.kind === "document") return file.bytes;
    throw new StrakeError("ARCHIVE_INVALID", `${quote(name)} in the archive is not a document`);
  }

  /** Errors: ARCHIVE_INCOMPLETE, and why it could not be read as a layer. */
  layer(name: string): StoredLayer {
    const file = this.#file(name);
    if (file.kind === "layer") return file;
    if (file.kind === "unreadable") throw file.error;
    throw new StrakeError(
      "ARCHIVE_INVALID",
      `${quote(name)} in the archive is a document where a layer is named`,
    );
  }

  /** The JSON of a document of Docker's own, unchecked. Errors: ARCHIVE_INVALID, ARCHIVE_INCOMPLETE. */
  json(name: string): unknown {
    const bytes = this.document(name);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new StrakeError("ARCHIVE_INVALID", `${quote(name)} in the archive is not JSON`, { cause });
    }
  }

  /** A document of an OCI layout, verified. Errors: ARCHIVE_INCOMPLETE, ARCHIVE_MISMATCH. */
  blobDocument(descriptor: Descriptor): Uint8Array {
    const bytes = this.document(blobName(descriptor.digest));
    demand(descriptor, { digest: digestAs(bytes, descriptor.digest), size: bytes.length });
    return bytes;
  }

  /** A layer of an OCI layout, verified. Errors: ARCHIVE_INCOMPLETE, ARCHIVE_MISMATCH. */
  blobLayer(descriptor: Descriptor): StoredLayer {
    const layer = this.layer(blobName(descriptor.digest));
    demand(descriptor, layer.form);
    return layer;
  }

  #file(name: string): ArchiveFile {
    const file = this.#find(name);
    if (file) return file;
    throw new StrakeError("ARCHIVE_INCOMPLETE", `the archive names ${quote(name)}, which is not in it`);
  }

  #find(name: string): ArchiveFile | undefined {
    let at = name;
    for (let steps = 0; steps <= linkLimit; steps++) {
      const file = this.#files.get(at);
      if (file) return file;
      const target = this.#links.get(at);
      if (target === undefined) return undefined;
      at = target;
    }
    return undefined;
  }
}

/** Where an OCI layout keeps a blob (image-layout.md, "Blobs"). */
export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** The digest that a name of an OCI layout promises, when it is one. */
export function promisedDigest(name: string): Digest | undefined {
  const match = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(name);
  const digest = match && `${match[1]}:${match[2]}`;
  return isDigest(digest) ? digest : undefined;
}

function demand(descriptor: Descriptor, found: Pick<Descriptor, "digest" | "size">): void {
  if (found.size !== descriptor.size)
    throw new StrakeError(
      "ARCHIVE_MISMATCH",
      `${descriptor.digest} in the archive has ${found.size} bytes; ${descriptor.size} were promised`,
    );
  if (found.digest !== descriptor.digest)
    throw new StrakeError(
      "ARCHIVE_MISMATCH",
      `${descriptor.digest} in the archive has digest ${found.digest}: it was changed or damaged`,
    );
}

function digestAs(bytes: Uint8Array, like: Digest): Digest {
  if (digestAlgorithm(like) === "sha256") return sha256(bytes);
  return `sha512:${new Bun.CryptoHasher("sha512").update(bytes).digest("hex")}` as Digest;
}
