import { type Digest, digestFromHex } from "../../../oci/index.ts";
import type { ObjectStore } from "../storage/object-store.ts";

/** A folder of files is read anew for each page. */
const pageSize = 10_000;

/** Milliseconds of work in one go: a storage that answers at once leaves no other moment for requests. */
const slice = 5;
let began = performance.now();

/** Lets requests be answered in between, when it is time. */
export async function giveWay(): Promise<void> {
  if (performance.now() - began < slice) return;
  await Bun.sleep(0);
  began = performance.now();
}

/** Every key under a prefix, in order. Keys may come and go meanwhile. */
export async function* keysUnder(objects: ObjectStore, prefix: string): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const keys: string[] = await objects.list(prefix, { after, limit: pageSize });
    for (const key of keys) {
      await giveWay();
      yield key;
    }
    after = keys.at(-1);
    if (keys.length < pageSize) return;
  }
}

/** What a repository held while it was listed. */
export interface RepositoryContent {
  readonly name: string;
  readonly blobs: Digest[];
  readonly manifests: Digest[];
  readonly tags: string[];
  /** Keys of the notes about which tags point where. */
  readonly notes: string[];
}

/**
 * Every repository, those too that hold nothing but blobs and so are in no catalog. Keys of one repository are a run in
 * the list: no component of a name starts with an underscore. `prefix` may be narrower: those below it.
 */
export async function* repositories(
  objects: ObjectStore,
  prefix = "repos/",
): AsyncGenerator<RepositoryContent> {
  let current: RepositoryContent | undefined;
  for await (const key of keysUnder(objects, prefix)) {
    const match = /^repos\/(.+?)\/_(blobs|manifests|tags|tagged|referrers)\/(?:([^/]+)\/)?([^/]+)/.exec(key);
    if (!match) continue;
    const [, name, kind, algorithm, last] = match as unknown as [string, string, string, string, string];
    if (current?.name !== name) {
      if (current) yield current;
      current = { name, blobs: [], manifests: [], tags: [], notes: [] };
    }
    if (kind === "tagged") current.notes.push(key);
    else if (kind === "tags") current.tags.push(last);
    else if (kind !== "referrers")
      current[kind as "blobs" | "manifests"].push(digestFromHex(last, algorithm as "sha256" | "sha512"));
  }
  if (current) yield current;
}

/** Runs `work` on all items, some at a time. False when `goOn` said no before all of them were begun. */
export async function eachOf<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  goOn?: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const width = 16;
  for (let i = 0; i < items.length; i += width) {
    await giveWay();
    if (goOn && !(await goOn())) return false;
    await Promise.all(items.slice(i, i + width).map(work));
  }
  return true;
}
