import { createReadStream, statSync } from "node:fs";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { createDigester } from "../../oci/index.ts";
import type { ArtifactFile } from "../../registry/client/index.ts";

const pieceSize = 1 << 20;

/** A file of the disk as one of an artifact; it is read once here for its digest and once when it is sent. Errors: USAGE. */
export async function artifactFile(
  path: string,
  {
    mediaType,
    name,
    signal,
  }: { readonly mediaType: string; readonly name: string; readonly signal?: AbortSignal },
): Promise<ArtifactFile> {
  const digester = createDigester();
  let size = 0;
  try {
    if (!statSync(path).isFile()) throw new StrakeError("USAGE", `${path} is no file`);
    for await (const chunk of createReadStream(path, { highWaterMark: pieceSize })) {
      throwIfAborted(signal);
      digester.update(chunk as Uint8Array);
      size += (chunk as Uint8Array).byteLength;
    }
  } catch (cause) {
    if (cause instanceof StrakeError) throw cause;
    throw new StrakeError("USAGE", `${path} cannot be read`, { cause });
  }
  const open = (start: number, end: number) =>
    createReadStream(path, { start, end: end - 1, highWaterMark: pieceSize });
  return { mediaType, digest: digester.digest(), size, name, open };
}
