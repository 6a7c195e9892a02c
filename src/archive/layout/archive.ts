import { createWriteStream, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { decompress } from "../../layer/index.ts";
import type { Digest } from "../../oci/index.ts";
import { type EntryHeader, readTar, TarWriter } from "../../tar/index.ts";
import { blobName, promisedDigest } from "../load/contents.ts";

interface Call {
  readonly signal?: AbortSignal;
}

/** Entries of an archive; a thousand images of a hundred layers fit. */
const entriesLimit = 200_000;

/**
 * Unpacks an OCI layout tar, packed itself or not, into an empty folder. Only the layout's own names are written, as plain files: blobs
 * under a digest, index.json and oci-layout. Whether blobs are what they are called is found when they are read. Errors: ARCHIVE_*, TAR_*.
 */
export async function unpackLayout(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  { signal }: Call = {},
): Promise<void> {
  let entries = 0;
  for await (const { entry, body } of readTar(decompress(source, { signal }), { signal })) {
    throwIfAborted(signal);
    if (++entries > entriesLimit)
      throw new StrakeError("ARCHIVE_LIMIT", `the archive has more than ${entriesLimit} entries`);
    const name = entry.path.replace(/^(?:\.\/)+/, "");
    const isOurs = name === "index.json" || name === "oci-layout" || promisedDigest(name) !== undefined;
    if (!isOurs || entry.type !== "file") continue;
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    // The last entry of a name counts, as in every tar.
    rmSync(path, { force: true });
    await pipeline(body, createWriteStream(path, { flags: "wx", highWaterMark: 1 << 20 }), { signal });
  }
}

/** Writes a layout folder as a tar, of its blobs those that `digests` names: the same layout gives the same bytes. */
export async function packLayout(
  folder: string,
  digests: ReadonlySet<Digest>,
  { sink, signal }: Call & { readonly sink: (chunk: Uint8Array) => void | Promise<void> },
): Promise<void> {
  const tar = new TarWriter(sink, { wholeSeconds: true });
  const blobs = [...digests].map(blobName).sort();
  for (const name of ["oci-layout", "index.json", ...blobs]) {
    throwIfAborted(signal);
    const path = join(folder, name);
    const { size } = statSync(path);
    await tar.add(
      { ...blank, path: name, size },
      Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>,
    );
  }
  await tar.finish();
}

const blank: EntryHeader = {
  ...{ type: "file", path: "", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0 },
  ...{ linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
} as const;
