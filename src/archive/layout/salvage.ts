import { closeSync } from "node:fs";
import { throwIfAborted } from "../../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../../oci/index.ts";
import { Collections, Folder, readFrom } from "../../sys/index.ts";
import { promisedDigest } from "../load/contents.ts";

interface Call {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a layout folder of our own that somebody was interrupted in good for another: blobs that are what their names say stay, with the beginnings of such;
 * what named them goes. Each blob is read once. Nothing is read or removed through a link.
 */
export async function salvageLayout(path: string, { signal }: Call = {}): Promise<void> {
  using layout = Folder.open(path);
  for (const name of ["oci-layout", "index.json"]) layout.remove(name);
  using blobs = folderIn(layout, "blobs");
  for (const algorithm of blobs ? blobs.names() : []) {
    using folder = folderIn(blobs!, algorithm);
    for (const hex of folder ? folder.names() : []) {
      throwIfAborted(signal);
      const digest = promisedDigest(`blobs/${algorithm}/${hex}`);
      if (digest === undefined || !(await isWhole(folder!, hex, { digest, signal }))) folder!.remove(hex);
    }
  }
}

/** Undefined where there is none; what has its name and is none, or a link to one, goes. */
function folderIn(parent: Folder, name: string): Folder | undefined {
  try {
    return parent.folder(name);
  } catch {
    parent.remove(name);
    return undefined;
  }
}

async function isWhole(
  folder: Folder,
  name: string,
  { digest, signal }: Call & { readonly digest: Digest },
): Promise<boolean> {
  if (!folder.lstat(name)?.isFile()) return false;
  const digester = createDigester(digestAlgorithm(digest));
  const collections = Collections.ofBytes();
  const fd = folder.openFile(name);
  if (fd === undefined) return false;
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
