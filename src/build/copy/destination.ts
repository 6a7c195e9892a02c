import type { Node, Resolved } from "../../layer/index.ts";

/** What a copy asks of the file system it writes into. `Tree` is one. */
export interface DestinationTree {
  xattrs(at: Node): ReadonlyMap<string, Uint8Array>;
  readonly root: Node;
  resolve(path: string, options?: { readonly follow?: boolean }): Resolved;
  lookup(path: string, options?: { readonly follow?: boolean }): Node | undefined;
  /** Said between many look-ups: what was touched before need not stay at hand. */
  release?(): void;
}

/** Look-ups between two releases; each may touch another part of each layer's index. */
const releaseEvery = 256;

/** A directory on the way to what is written; `node` when the image has it. */
export interface EnteredDirectory {
  readonly path: string;
  readonly node?: Node;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

type Kind = "directory" | "symlink" | "other";

/** The destination with what this very step has put there already. Paths are resolved ones. */
export class Destination {
  readonly #tree: DestinationTree;
  readonly #made = new Map<string, Kind>();
  readonly #targets = new Map<string, string>();
  /** Directories of the tree that are known to be missing: nothing below them needs looking up. */
  readonly #fresh = new Set<string>();
  #turns = 0;
  #looked = 0;
  /** What was asked for last: whoever looks at a path mostly puts something there. */
  #last = "";
  #lastKind: Kind | undefined;

  constructor(tree: DestinationTree) {
    this.#tree = tree;
  }

  /** Counts the changes after which a path may lead elsewhere: symlinks that were put, or replaced. */
  get turns(): number {
    return this.#turns;
  }

  /** Where a path leads, symlinks of the image and of this step followed. What is missing is kept as written. */
  resolve(path: string): string {
    if (this.#targets.size === 0) return this.#tree.resolve(path).path;
    return this.#walk(path);
  }

  /**
   * The directories from the root down to a resolved path that this step has not written yet, noted as written: those of the
   * image with what they are there, and those to be made. A layer must repeat the former: where layers overlap, the upper one says
   * owner and mode, and a directory that is only implied would be root's.
   * When something on the way is no directory, `blocked` is its path, and nothing is noted.
   */
  enter(path: string): { directories: readonly EnteredDirectory[]; blocked?: string } {
    const directories: EnteredDirectory[] = [];
    for (let at = path; at !== "/" && this.#made.get(at) !== "directory"; at = parentOf(at)) {
      const kind = this.kindAt(at);
      if (kind !== undefined && kind !== "directory") return { directories: [], blocked: at };
      const node = kind && this.#tree.lookup(at, { follow: false });
      directories.unshift(node ? { path: at, node, xattrs: this.#tree.xattrs(node) } : { path: at });
    }
    for (const { path: at } of directories) this.put(at, "directory");
    return { directories };
  }

  /** What is at a resolved path. */
  kindAt(path: string): Kind | undefined {
    if (path === "/") return "directory";
    const made = this.#made.get(path);
    if (made) return made;
    if (this.#fresh.has(parentOf(path))) return undefined;
    if (path !== this.#last) {
      if (++this.#looked % releaseEvery === 0) this.#tree.release?.();
      this.#lastKind = kindOf(this.#tree.lookup(path, { follow: false }));
      this.#last = path;
    }
    return this.#lastKind;
  }

  /** Whether nothing was at a resolved path, nor below it, before this step. */
  isNew(path: string): boolean {
    return path !== "/" && (this.#fresh.has(path) || this.kindAt(path) === undefined);
  }

  /** Notes what the step puts at a resolved path. */
  put(path: string, kind: Kind, target?: string): void {
    const before = this.kindAt(path);
    // A file where nothing or a file was hides nothing, and there may be very many.
    if (kind === "other" && (before === undefined || before === "other")) return;
    // A directory in place of something else starts empty; one that was there keeps its content.
    if (kind === "directory" && before !== "directory") this.#fresh.add(path);
    if (kind === "symlink" || before === "symlink") this.#turns++;
    this.#made.set(path, kind);
    if (kind === "symlink" && target !== undefined) this.#targets.set(path, target);
    else this.#targets.delete(path);
  }

  /** Resolution over both views, a component at a time. */
  #walk(path: string): string {
    const ahead = path.split("/").reverse();
    let here = "/";
    for (let links = 0; ahead.length > 0; ) {
      const name = ahead.pop()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        here = parentOf(here);
        continue;
      }
      const next = joinPath(here, name);
      const target = this.#targetAt(next);
      if (target === undefined || ++links > 40) {
        here = next;
        continue;
      }
      if (target.startsWith("/")) here = "/";
      ahead.push(...target.split("/").reverse());
    }
    return here;
  }

  #targetAt(path: string): string | undefined {
    const made = this.#made.get(path);
    if (made) return made === "symlink" ? this.#targets.get(path) : undefined;
    if (this.#fresh.has(parentOf(path))) return undefined;
    const followed = this.#tree.resolve(path).path;
    return followed === path ? undefined : followed;
  }
}

function kindOf(node: Node | undefined): Kind | undefined {
  if (!node) return undefined;
  return node.type === "directory" || node.type === "symlink" ? node.type : "other";
}

/** The directory of an absolute clean path; "/" for the root. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** An absolute clean path from parts, `..` stopping at the root. */
export function cleanJoin(...parts: readonly string[]): string {
  const names: string[] = [];
  for (const name of parts.join("/").split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}
