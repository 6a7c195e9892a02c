import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  digestHex,
  formatReference,
  type Platform,
  parseReference,
  sha256,
  withDefaultTag,
} from "../../oci/index.ts";
import type { Ref, Store } from "../../store/index.ts";

/** One image of a list. */
export interface ListEntry {
  /** As the user named it. */
  readonly name: string;
  readonly platform: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly source:
    | { readonly kind: "image"; readonly id: Digest }
    | { readonly kind: "registry"; readonly repository: string; readonly descriptor: Descriptor };
}

/** An index in the making: kept in the store until it is pushed and removed. */
export interface ManifestList {
  /** Canonical reference. */
  readonly reference: string;
  readonly entries: readonly ListEntry[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The list of that name; undefined when there is none. */
export function getList(store: Store, name: string): ManifestList | undefined {
  const reference = referenceOf(name);
  return reference === undefined ? undefined : store.lists.as<ManifestList>().get(idOf(reference))?.state;
}

/** Errors: MANIFEST_LIST_NOT_FOUND. */
export function findList(store: Store, name: string): ManifestList {
  const list = getList(store, name);
  if (list) return list;
  throw new StrakeError("MANIFEST_LIST_NOT_FOUND", `there is no manifest list ${name}`, {
    hint: `make one with strake manifest create ${name}`,
  });
}

export function allLists(store: Store): ManifestList[] {
  return store.lists
    .as<ManifestList>()
    .list()
    .map(({ state }) => state);
}

/** Makes a list without images. Errors: MANIFEST_LIST_EXISTS. */
export function createList(store: Store, name: string): ManifestList {
  const reference = formatReference(withDefaultTag(parseReference(name)));
  return store.transaction(() => {
    if (getList(store, name))
      throw new StrakeError("MANIFEST_LIST_EXISTS", `there is a manifest list ${name} already`, {
        hint: "add to it with --amend, or remove it with strake manifest rm",
      });
    const list = { reference, entries: [] };
    write(store, list);
    return list;
  });
}

/** Changes a list as one step; no other process comes between. Errors: MANIFEST_LIST_NOT_FOUND. */
export function changeList(
  store: Store,
  name: string,
  change: (list: ManifestList) => ManifestList,
): ManifestList {
  return store.transaction(() => {
    const list = change(findList(store, name));
    store.lists.remove(idOf(list.reference));
    write(store, list);
    return list;
  });
}

/** Errors: MANIFEST_LIST_NOT_FOUND. */
export function removeList(store: Store, name: string): void {
  store.lists.remove(idOf(findList(store, name).reference));
}

/** With one more image; the same image again takes the place of the earlier one. */
export function withEntry(list: ManifestList, entry: ListEntry): ManifestList {
  const others = list.entries.filter(({ source }) => keyOf({ source }) !== keyOf(entry));
  return { ...list, entries: [...others, entry] };
}

/** The entry that a name, digest or beginning of an image ID means. Errors: MANIFEST_LIST_NOT_FOUND. */
export function entryNamed(list: ManifestList, name: string): ListEntry {
  const found =
    list.entries.find((entry) => entry.name === name || keyOf(entry) === name) ??
    list.entries.find((entry) => digestHex(keyOf(entry)).startsWith(name.replace(/^sha256:/, "")));
  if (found) return found;
  throw new StrakeError("MANIFEST_LIST_NOT_FOUND", `${name} is not in the list ${list.reference}`, {
    hint: `it holds ${list.entries.map((entry) => entry.name).join(", ") || "nothing"}`,
  });
}

/** Image ID or digest of the manifest. */
export function keyOf({ source }: Pick<ListEntry, "source">): Digest {
  return source.kind === "image" ? source.id : source.descriptor.digest;
}

function write(store: Store, list: ManifestList): void {
  const id = idOf(list.reference);
  const refs = list.entries.flatMap(({ source }): Ref[] =>
    source.kind === "image" ? [{ kind: "image", key: source.id }] : [],
  );
  store.lists.create({ id, name: id, state: list, refs });
}

function referenceOf(name: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return undefined;
  }
}

/** Records have names without slashes. */
function idOf(reference: string): string {
  return digestHex(sha256(reference));
}
