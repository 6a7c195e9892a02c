import { StrakeError } from "../../errors/index.ts";
import type { Descriptor } from "../../oci/index.ts";
import { verified } from "./blob-download.ts";
import type { ImageSource } from "./place.ts";

/** A small blob whole, compared with digest and size. Errors: BLOB_MISMATCH, BLOB_TOO_LARGE. */
export async function readBlob(
  source: Pick<ImageSource, "name" | "openBlob">,
  blob: Pick<Descriptor, "digest" | "size">,
  { limit, signal }: { readonly limit: number; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  if (blob.size > limit)
    throw new StrakeError(
      "BLOB_TOO_LARGE",
      `${blob.digest} has ${blob.size} bytes; at most ${limit} are read at once`,
    );
  const bytes = new Uint8Array(blob.size);
  let at = 0;
  for await (const chunk of verified(source.openBlob(blob, signal ? { signal } : {}), blob, source.name)) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
