import type { Digest } from "../../../oci/index.ts";
import { eachOf, repositories } from "../gc/walk.ts";
import { blobKey, nameKey } from "../layout.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { Account, Usage } from "./rules.ts";

/** What is stored in an account now, by looking at all of it. */
export async function count(
  objects: ObjectStore,
  { kind, name }: Account,
  isCounted: (repository: string) => boolean,
): Promise<Usage> {
  const total = { bytes: 0, tags: 0, repositories: 0 };
  const sizes = new Map<Digest, number>();
  for await (const content of repositories(objects, `repos/${name}/`)) {
    if ((kind === "repository" && content.name !== name) || !isCounted(content.name)) continue;
    total.tags += content.tags.length;
    if (await objects.head(nameKey(content.name))) total.repositories++;
    await eachOf([...content.blobs, ...content.manifests], async (digest) => {
      const size = sizes.get(digest) ?? (await objects.head(blobKey(digest)))?.size ?? 0;
      sizes.set(digest, size);
      total.bytes += size;
    });
  }
  return total;
}
