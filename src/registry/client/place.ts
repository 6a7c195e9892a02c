import type { Descriptor, Digest } from "../../oci/index.ts";
import type { BlobSource } from "./blob-upload.ts";
import type { RemoteManifest } from "./repository.ts";
import type { Continuation } from "./upload-session.ts";

interface Call {
  readonly signal?: AbortSignal;
}

type Blob = Pick<Descriptor, "digest" | "size">;

/** Where images are copied from: a repository of a registry, an OCI layout. */
export interface ImageSource {
  /** As the user knows it. */
  readonly name: string;
  /** By tag or digest. The bytes are what their digest says. Errors: REGISTRY_NOT_FOUND and the place's own. */
  getManifest(reference: string, call?: Call): Promise<RemoteManifest>;
  /** The bytes from `start` on; only their number is checked. Chunks are the caller's, who may even detach their memory. */
  openBlob(
    blob: Blob,
    options?: Call & { readonly start?: number; readonly urls?: readonly string[] },
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** What refers to a manifest. */
  referrers(digest: Digest, call?: Call): Promise<Descriptor[]>;
}

/** Where images are copied to. */
export interface ImageTarget {
  readonly name: string;
  /** What is there already, as of `ImageSource`. */
  getManifest(reference: string, call?: Call): Promise<RemoteManifest>;
  /** The blob's size where the place has it. */
  headBlob(digest: Digest, call?: Call & { readonly forPush?: boolean }): Promise<number | undefined>;
  /** Takes a blob only if it is what its digest says. */
  uploadBlob(
    blob: Blob,
    source: BlobSource,
    options?: Call & Continuation & { readonly onProgress?: (bytes: number) => void },
  ): Promise<unknown>;
  /** Under a tag, or under its digest alone. What it names is there already. */
  putManifest(
    reference: string,
    manifest: RemoteManifest,
    /** `isRoot`: it is what was copied, and no part of that. */
    call?: Call & { readonly isRoot?: boolean },
  ): Promise<unknown>;
}
