import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeManifestOrIndex,
  documentLimits,
  isIndexType,
  isManifestType,
  isSchema1Type,
  parseContentType,
  parseLayerType,
} from "../../oci/index.ts";
import type { IncomingRequest } from "./http/request.ts";
import { Refusal } from "./protocol/refusal.ts";

/** A pushed manifest, checked by itself. */
export interface PushedManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
  /** Blobs that have to be in the repository. */
  readonly blobs: readonly Descriptor[];
  /** Manifests an index points to. */
  readonly manifests: readonly Descriptor[];
  /** As the referrers API lists it (distribution-spec, "Listing Referrers"). */
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** The request's body, at most as large as a manifest may be. Throws SIZE_INVALID with 413. */
export async function readManifestBody(request: IncomingRequest): Promise<Uint8Array<ArrayBuffer>> {
  const limit = documentLimits.manifest;
  const tooLarge = () =>
    new Refusal("SIZE_INVALID", `a manifest has at most ${limit} bytes`, { status: 413 });
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.byteLength;
      if (length > limit) throw tooLarge();
      chunks.push(chunk.slice());
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("MANIFEST_INVALID", "the connection ended before the manifest did");
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * The manifest in a request. Its type is the Content-Type's, which must not contradict the document (CVE-2021-41190).
 * Throws MANIFEST_INVALID.
 */
export function decodePushed(bytes: Uint8Array<ArrayBuffer>, contentType: string | null): PushedManifest {
  const served = parseContentType(contentType);
  if (served !== undefined && isSchema1Type(served))
    throw new Refusal(
      "MANIFEST_INVALID",
      "Docker's schema 1 manifests are not accepted: push with a current client",
    );
  if (served !== undefined && !isManifestType(served) && !isIndexType(served))
    throw new Refusal("MANIFEST_INVALID", `${served} is not the media type of an image manifest or index`);
  try {
    const document = decodeManifestOrIndex(bytes, served);
    const { mediaType, value } = document;
    const common = { bytes, mediaType, subject: value.subject?.digest, annotations: value.annotations };
    if (document.kind === "index") {
      const { artifactType, manifests } = document.value;
      return { ...common, blobs: [], manifests, artifactType };
    }
    const { config, layers, artifactType } = document.value;
    return {
      ...common,
      blobs: [config, ...layers].filter((blob) => !isElsewhere(blob)),
      manifests: [],
      artifactType: artifactType || config.mediaType,
    };
  } catch (error) {
    if (error instanceof StrakeError) throw new Refusal("MANIFEST_INVALID", error.message);
    throw error;
  }
}

/** Layers that must not be distributed, or that name where else they are, need not be here. */
function isElsewhere(blob: Descriptor): boolean {
  return parseLayerType(blob.mediaType)?.foreign === true || (blob.urls?.length ?? 0) > 0;
}

/** How the API lists a manifest with a subject. */
export function referrerDescriptor(digest: Digest, manifest: PushedManifest): Descriptor {
  const { mediaType, bytes, artifactType, annotations } = manifest;
  return {
    ...{ mediaType, digest, size: bytes.byteLength },
    ...(artifactType ? { artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  };
}
