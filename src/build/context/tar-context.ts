import { StrakeError } from "../../errors/index.ts";
import { decompress, detectCompression, ingestTar, Tree } from "../../layer/index.ts";
import type { Lease, Store } from "../../store/index.ts";
import { isTarHeader } from "../copy/archive.ts";
import type { CopySource } from "../copy/source.ts";
import { TreeSource } from "../copy/tree-source.ts";
import type { FoundDockerfile } from "./dockerfile.ts";

/** Whether what came on stdin is a context in a tar, packed or not, rather than a Dockerfile. */
export function isTarContext(bytes: Uint8Array): boolean {
  return detectCompression(bytes) !== "none" || isTarHeader(bytes.subarray(0, 512));
}

export interface TarContext {
  readonly source: CopySource;
  readonly dockerfile: FoundDockerfile;
}

/**
 * A context that came as a tar. It is stored as a layer and read through its index: nothing of it is ever unpacked, so
 * its links and names cannot reach the host, and the layer goes with the next gc. Ignore files do not apply, as in Docker.
 * Throws BUILD_NO_DOCKERFILE, TAR_*.
 */
export async function openTarContext(
  bytes: Uint8Array,
  options: {
    readonly store: Store;
    readonly lease: Lease;
    readonly file?: string;
    readonly signal?: AbortSignal;
  },
): Promise<TarContext> {
  const { store, lease, signal, file = "Dockerfile" } = options;
  const chunks = (async function* () {
    yield bytes;
  })();
  const layer = await ingestTar(store, decompress(chunks, { signal, reuse: true }), { lease, signal });
  const tree = Tree.open([layer]);
  const node = tree.lookup(`/${file}`);
  if (node?.type !== "file")
    throw new StrakeError("BUILD_NO_DOCKERFILE", `there is no ${file} in the context's tar`, {
      hint: options.file === undefined ? "name it with -f if it is called otherwise" : undefined,
    });
  return {
    source: new TreeSource(tree, layer.diffID, { ownedByRoot: true }),
    dockerfile: { bytes: tree.readFile(node), name: file },
  };
}
