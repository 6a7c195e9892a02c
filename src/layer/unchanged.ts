import type { EntryHeader } from "../tar/index.ts";
import type { Tree } from "./tree/index.ts";
import type { WritableEntry } from "./write-diff.ts";

/**
 * A diff without the directories that are as they were and hold no change: overlayfs copies a directory up as soon as something is made
 * in it, and it stays there when that is gone again. So the places of lent files (/etc/resolv.conf, a CA bundle) would show in a
 * layer, and the layer would depend on what this machine lends. Expects each directory before what is in it.
 */
export async function* withoutUnchanged<Item extends WritableEntry>(
  entries: AsyncIterable<Item> | Iterable<Item>,
  below: Pick<Tree, "lookup" | "xattrs">,
): AsyncGenerator<Item, void, undefined> {
  // Directories on the way to the entry at hand of which it is not known yet whether they are needed.
  let held: Item[] = [];
  for await (const entry of entries) {
    const { path, type } = entry.header;
    held = held.filter(({ header }) => path.startsWith(header.path));
    if (type === "directory" && isUnchanged(entry.header, below)) {
      held.push(entry);
      continue;
    }
    yield* held;
    held = [];
    yield entry;
  }
}

function isUnchanged(header: EntryHeader, below: Pick<Tree, "lookup" | "xattrs">): boolean {
  const node = below.lookup(`/${header.path.replace(/\/$/, "")}`, { follow: false });
  if (node?.type !== "directory") return false;
  const facts = ["mode", "uid", "gid", "mtime", "mtimeNsec"] as const;
  if (facts.some((fact) => node[fact] !== header[fact])) return false;
  const before = below.xattrs(node);
  const after: ReadonlyMap<string, Uint8Array> = header.xattrs ?? new Map();
  return (
    before.size === after.size &&
    [...before].every(([name, value]) => Buffer.compare(value, after.get(name) ?? Buffer.of(0)) === 0)
  );
}
