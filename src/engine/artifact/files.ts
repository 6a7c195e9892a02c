import { type BigIntStats, closeSync, constants, fstatSync, openSync } from "node:fs";
import { checkArgument, checkOptions, StrakeError, throwIfAborted } from "../../errors/index.ts";
import { createDigester } from "../../oci/index.ts";
import type { ArtifactFile } from "../../registry/client/index.ts";
import { readFrom } from "../../sys/index.ts";

/**
 * A file of the disk as one of an artifact; it is read once here for its digest and once when it is sent. Then it has to be the same file, as
 * it was: what somebody puts in its place meanwhile, a link to what is nobody's business, is not sent. Errors: USAGE, when it is sent too.
 */
export async function artifactFile(
  path: string,
  options: { readonly mediaType: string; readonly name: string; readonly signal?: AbortSignal },
): Promise<ArtifactFile> {
  checkArgument("artifactFile: path", path, "string");
  checkOptions("artifactFile", options, { mediaType: "string", name: "string", signal: "signal?" });
  const { mediaType, name, signal } = options;
  const digester = createDigester();
  let size = 0;
  const { fd, stat } = openFile(path);
  try {
    for await (const chunk of readFrom(fd)) {
      throwIfAborted(signal);
      digester.update(chunk);
      size += chunk.byteLength;
    }
    if (!isSame(stat, fstatSync(fd, { bigint: true })) || BigInt(size) !== stat.size) throw changed(path);
  } finally {
    closeSync(fd);
  }
  async function* open(start: number, end: number) {
    const again = openFile(path);
    try {
      if (!isSame(stat, again.stat)) throw changed(path);
      yield* readFrom(again.fd, start, end);
    } finally {
      closeSync(again.fd);
    }
  }
  return { mediaType, digest: digester.digest(), size, name, open };
}

/** Opens a regular file without waiting: of a FIFO there is no other end. Errors: USAGE. */
function openFile(path: string): { readonly fd: number; readonly stat: BigIntStats } {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new StrakeError("USAGE", `${path} is no file`);
    return { fd, stat };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    if (cause instanceof StrakeError) throw cause;
    throw new StrakeError("USAGE", `${path} cannot be read`, { cause });
  }
}

/** ctime moves with every change of bytes or attributes, and nobody can set it. */
function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return (["dev", "ino", "size", "mtimeNs", "ctimeNs"] as const).every((key) => one[key] === other[key]);
}

function changed(path: string): StrakeError {
  return new StrakeError("USAGE", `${path} changed while it was being pushed`, {
    hint: "push it again when nobody writes to it",
  });
}
