import { StrakeError } from "../errors/index.ts";
import { type Digest, sha256 } from "./digest.ts";
import type { DocumentKind } from "./json.ts";
import { isSchema1Type } from "./media-type.ts";
import type { JSONObject, Shape } from "./shape.ts";

/** A decoded document with the exact bytes it came from. What is stored or sent on is always `raw`. */
export interface Document<T> {
  readonly raw: Uint8Array;
  /** sha256 of `raw`. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly value: T;
}

/** Largest accepted documents, in bytes (distribution-spec asks registries for at least 4 MiB). */
export const documentLimits = { manifest: 4 << 20, index: 4 << 20, config: 8 << 20 } as const;

export function makeDocument<T>(raw: Uint8Array, mediaType: string, value: T): Document<T> {
  return { raw, digest: sha256(raw), mediaType, value };
}

/**
 * The media type of a manifest or index: the one it states or the one it was served with, which must not disagree
 * (image-spec manifest.md, "mediaType"; CVE-2021-41190), else `fallback`.
 */
export function settleMediaType(
  object: JSONObject,
  served: string | undefined,
  fallback: string,
  shape: Shape,
): string {
  shape.optional(object, "mediaType", "", shape.string);
  const stated = object.mediaType as string | undefined;
  if (stated !== undefined && served !== undefined && stated !== served)
    shape.fail("mediaType", `says ${stated}, but it was served as ${served}`);
  return stated ?? served ?? fallback;
}

/** Docker's schema 1 is recognised by type, version or shape, and refused by name. */
export function refuseSchema1(object: JSONObject, served: string | undefined, kind: DocumentKind): void {
  const stated = typeof object.mediaType === "string" ? object.mediaType : "";
  if (
    isSchema1Type(served ?? "") ||
    isSchema1Type(stated) ||
    object.schemaVersion === 1 ||
    Object.hasOwn(object, "fsLayers")
  )
    throw new StrakeError("MEDIA_TYPE_UNSUPPORTED", `the ${kind.noun} is in Docker's old schema 1 format`, {
      hint: "push the image again with a current tool; registries and builders dropped schema 1",
    });
}
