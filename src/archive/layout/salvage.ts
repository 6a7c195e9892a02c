import { closeSync, openSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { throwIfAborted } from "../../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../../oci/index.ts";
import { Collections, readFrom } from "../../sys/index.ts";
import { promisedDigest } from "../load/contents.ts";

/**
 * Makes a layout folder of our own that somebody was interrupted in good for another: blobs that are what their names say stay, with the beginnings of such;
 * what named them goes. Each blob is read once.
 */
export async function salvageLayout(
  folder: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  for (const name of ["oci-layout", "index.json"]) rmSync(join(folder, name), { force: true });
  for (const name of blobNames(folder)) {
    throwIfAborted(signal);
    const digest = promisedDigest(name);
    if (digest === undefined || !(await isWhole(join(folder, name), digest, signal)))
      rmSync(join(folder, name), { force: true, recursive: true });
  }
}

function blobNames(folder: string): string[] {
  return list(join(folder, "blobs")).flatMap((algorithm) =>
    list(join(folder, "blobs", algorithm)).map((hex) => `blobs/${algorithm}/${hex}`),
  );
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

async function isWhole(path: string, digest: Digest, signal: AbortSignal | undefined): Promise<boolean> {
  const digester = createDigester(digestAlgorithm(digest));
  const collections = new Collections({ every: 16 << 20, fullEvery: 16 });
  const fd = openSync(path, "r");
  try {
    for await (const bytes of readFrom(fd)) {
      throwIfAborted(signal);
      digester.update(bytes);
      collections.passed(bytes.byteLength);
    }
  } finally {
    closeSync(fd);
  }
  return digester.digest() === digest;
}
