import { lowerBound } from "./sorted.ts";

/** Folders with fewer names are read anew each time. */
const few = 500;
/** Names kept together, of however many folders; that of one folder is kept whatever its size. */
const limit = 200_000;
/** Milliseconds after which all are read anew. */
const age = 60_000;

/**
 * What is in large folders, so that a page of a list does not cost reading all of the folder: names in byte order, those of
 * folders with a slash at their end, as keys have it. For a tree that nobody else writes to: who changes it says so.
 */
export class Listings {
  readonly #kept = new Map<string, string[]>();
  #size = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Names below a prefix; `read` gives them in any order. Not to be changed. */
  of(prefix: string, read: () => string[]): readonly string[] {
    const kept = this.#kept.get(prefix);
    if (kept) return kept;
    const names = read().sort((a, b) => (a < b ? -1 : 1));
    if (names.length < few) return names;
    for (const oldest of this.#kept.keys()) {
      if (this.#size + names.length <= limit) break;
      this.#drop(oldest);
    }
    this.#kept.set(prefix, names);
    this.#size += names.length;
    this.#timer ??= setTimeout(() => this.forget(), age);
    this.#timer.unref();
    return names;
  }

  /** The key is there, and so are the folders above it. */
  added(key: string): void {
    if (this.#kept.size === 0) return;
    let end = key.length;
    for (let slash = key.lastIndexOf("/"); slash > 0; slash = key.lastIndexOf("/", slash - 1)) {
      const names = this.#kept.get(key.slice(0, slash + 1));
      const name = key.slice(slash + 1, end);
      end = slash + 1;
      if (!names) continue;
      const at = lowerBound(names, name);
      if (names[at] === name) continue;
      names.splice(at, 0, name);
      this.#size++;
    }
  }

  /** The key, or with a slash at its end the folder, is gone. */
  removed(key: string): void {
    this.#drop(key);
    const slash = key.lastIndexOf("/", key.length - 2);
    const names = this.#kept.get(key.slice(0, slash + 1));
    if (!names) return;
    const name = key.slice(slash + 1);
    const at = lowerBound(names, name);
    if (names[at] !== name) return;
    names.splice(at, 1);
    this.#size--;
  }

  /** Reads everything anew: nobody knows what became of a change. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kept.clear();
    this.#size = 0;
  }

  #drop(prefix: string): void {
    this.#size -= this.#kept.get(prefix)?.length ?? 0;
    this.#kept.delete(prefix);
  }
}

/** Index of the first name below a prefix that is, or holds, a key after the given one. */
export function firstAfter(names: readonly string[], prefix: string, after: string): number {
  if (!after.startsWith(prefix)) return after < prefix ? 0 : names.length;
  const rest = after.slice(prefix.length);
  const at = lowerBound(names, rest);
  if (names[at] === rest && !rest.endsWith("/")) return at + 1;
  const before = names[at - 1];
  return before?.endsWith("/") && rest.startsWith(before) ? at - 1 : at;
}
