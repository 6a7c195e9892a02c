import type { Descriptor, Digest, Document, ImageConfig, Reference } from "../../oci/index.ts";
import type { StoredLayer } from "./contents.ts";

/** An image found in an archive: everything verified, layers in the store, documents still in memory. */
export interface FoundImage {
  readonly config: Document<ImageConfig>;
  /** In the order of the config's diff ids. */
  readonly layers: readonly StoredLayer[];
  /** The manifest as the archive has it, when it is an OCI layout. */
  readonly manifest?: { readonly descriptor: Descriptor; readonly raw: Uint8Array };
  /** What the archive's own manifest calls it; never what the config or its labels say (CVE-2026-50195). */
  readonly names: readonly Reference[];
  readonly id: Digest;
}
