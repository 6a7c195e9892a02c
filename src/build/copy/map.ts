import { hasWildcard, IgnoreMatcher, parseIgnoreRule } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import {
  baseName,
  cleanJoin,
  Destination,
  type DestinationTree,
  type EnteredDirectory,
  joinPath,
  parentOf,
} from "./destination.ts";
import { matchBelow, matchSources, splitAtMark } from "./match.ts";
import { missingSource } from "./missing.ts";
import { refuseDirectory, refuseFile } from "./refuse.ts";
import type { CopySource, SourceNode } from "./source.ts";
import { TreeItems } from "./tree-items.ts";

/** One source argument of COPY or ADD with where it reads from. */
export interface CopyArgument {
  readonly source: CopySource;
  readonly pattern: string;
}

export interface CopyRequest {
  readonly arguments: readonly CopyArgument[];
  /** As written, variables expanded. */
  readonly destination: string;
  readonly workingDir: string;
  /** Patterns of `--exclude`. */
  readonly excludes: readonly string[];
  readonly parents: boolean;
  /** ADD: whether a file, by its resolved path, is an archive; it is then unpacked into the destination. */
  readonly isArchive?: (source: CopySource, path: string) => boolean;
}

/** An archive to unpack into the directory `path`. */
export interface CopyArchive {
  readonly path: string;
  readonly source: CopySource;
  readonly from: string;
  readonly node: SourceNode;
  /** So many of the items come before it: sources are applied in their order, and what comes later replaces what came before. */
  readonly after: number;
}

/** One entry to write. `path` is the resolved in-image path; later entries of a path replace earlier ones. */
export type CopyItem =
  | { readonly kind: "parent"; readonly path: string; readonly directory: EnteredDirectory }
  | {
      readonly kind: "node";
      readonly path: string;
      /** Counts the sources: names of one inode stay hardlinks where one source holds them all. */
      readonly turn?: number;
      readonly source: CopySource;
      readonly from: string;
      readonly node: SourceNode;
    };

export interface CopyPlan {
  /** All but archives, in the order of writing. May be walked over more than once. */
  readonly items: Iterable<CopyItem>;
  readonly archives: readonly CopyArchive[];
  /** The state of the destination after the items; unpacking goes on from here. */
  readonly destination: Destination;
}

/**
 * Maps sources to destination paths as the Dockerfile reference has it: a directory's contents are copied, not the
 * directory; a destination that is a directory or ends in a slash takes files under their own names; directories that are
 * missing are made; symlinks in the destination path are followed inside the image. Reads names, never contents.
 * Throws BUILD_COPY_SOURCE, BUILD_COPY_DEST.
 */
export function mapCopy(request: CopyRequest, tree: DestinationTree): CopyPlan {
  return new Mapper(request, tree).run();
}

class Mapper {
  readonly #request: CopyRequest;
  readonly #destination: Destination;
  readonly #items = new Map<string, CopyItem>();
  readonly #archives: (Omit<CopyArchive, "after"> & { readonly turn: number })[] = [];
  readonly #excluded: IgnoreMatcher | undefined;
  #turn = 0;
  /** The destination, and whether it was written as a directory. */
  readonly #target: string;
  readonly #asDirectory: boolean;

  constructor(request: CopyRequest, tree: DestinationTree) {
    this.#request = request;
    this.#destination = new Destination(tree);
    const { destination, workingDir, excludes } = request;
    this.#target = cleanJoin(destination.startsWith("/") ? "" : workingDir || "/", destination);
    this.#asDirectory = /(^|\/)\.{0,2}$/.test(destination);
    const rules = excludes.flatMap((text) => parseIgnoreRule(text) ?? []);
    this.#excluded = rules.length > 0 ? new IgnoreMatcher(rules) : undefined;
  }

  run(): CopyPlan {
    const { arguments: list, parents } = this.#request;
    const matches = list.map((argument) => ({
      argument,
      paths: parents ? [] : matchSources(argument.source, argument.pattern),
    }));
    if (parents) for (const argument of list) this.#copyWithParents(argument);
    const count = matches.reduce((sum, { paths }) => sum + paths.length, 0);
    if (count > 1 && !this.#isDirectory()) throw this.#notDirectory(matches[0]!.argument, count);
    const alone = count === 1 && !parents ? this.#copyAlone(matches) : undefined;
    if (!alone)
      for (const { argument, paths } of matches) for (const path of paths) this.#copy(argument, path);
    return {
      ...(alone ? { items: alone, archives: [] } : this.#inOrder()),
      destination: this.#destination,
    };
  }

  /** Directories on the way come first, then what the sources give, in their order; archives stand in between. */
  #inOrder(): Pick<CopyPlan, "items" | "archives"> {
    const items = [...this.#items.values()];
    if (this.#archives.length === 0) return { items, archives: [] };
    const turnOf = (item: CopyItem) => (item.kind === "node" ? (item.turn ?? 0) : 0);
    items.sort((a, b) => turnOf(a) - turnOf(b));
    const archives = this.#archives.map(({ turn, ...archive }) => ({
      ...archive,
      after: items.filter((item) => turnOf(item) < turn).length,
    }));
    return { items, archives };
  }

  /** What is copied when it is the contents of one directory and nothing else. */
  #copyAlone(
    matches: readonly { argument: CopyArgument; paths: readonly string[] }[],
  ): TreeItems | undefined {
    const { argument, paths } = matches.find((match) => match.paths.length > 0)!;
    const { source } = argument;
    const { path: from, node } = source.resolve(paths[0]!, true);
    if (node?.type !== "directory") return undefined;
    const to = this.#makeDirectory(this.#target, node);
    const excluded = this.#excluded;
    const copy = { source, from, node, to, excluded, destination: this.#destination };
    return new TreeItems([...this.#items.values()], copy);
  }

  /** Whether the destination takes files under their own names. */
  #isDirectory(): boolean {
    return (
      this.#asDirectory || this.#destination.kindAt(this.#destination.resolve(this.#target)) === "directory"
    );
  }

  #notDirectory(argument: CopyArgument, count: number): StrakeError {
    const { destination } = this.#request;
    const what =
      this.#request.arguments.length > 1
        ? `${count} sources`
        : `${argument.pattern} matches ${count} paths, and they`;
    return new StrakeError("BUILD_COPY_DEST", `${what} cannot be copied to one name, ${destination}`, {
      hint: `write ${destination}/ to copy them into a directory`,
    });
  }

  #copy({ source, pattern }: CopyArgument, path: string): void {
    this.#turn++;
    const { path: from, node } = source.resolve(path, true);
    if (!node) throw missingSource(source, pattern, path);
    if (node.type === "directory") {
      const to = this.#makeDirectory(this.#target, node);
      this.#copyChildren(source, { from, node }, to, "");
      return;
    }
    const name = baseName(path);
    if (this.#excluded?.ignored(name)) return;
    if (this.#request.isArchive?.(source, from)) {
      const to = this.#makeDirectory(this.#target);
      this.#archives.push({ path: to, source, from, node, turn: this.#turn });
      return;
    }
    const to = this.#isDirectory()
      ? joinPath(this.#makeDirectory(this.#target), name)
      : this.#withParent(this.#target);
    this.#putFile(source, { from, node }, to);
  }

  /** Everything below a directory, with the metadata it has there; directories that exist take it over as well. */
  #copyChildren(source: CopySource, at: Located, to: string, relative: string): void {
    for (const { name, node } of source.children(at.from, at.node)) {
      const here = relative === "" ? name : `${relative}/${name}`;
      const from = joinPath(at.from, name);
      if (node.type !== "directory") {
        if (!this.#excluded?.ignored(here)) this.#putFile(source, { from, node }, joinPath(to, name));
        continue;
      }
      const ignored = this.#excluded?.ignored(here) ?? false;
      if (ignored && this.#excluded!.canSkipDirectory(here)) continue;
      const path = joinPath(to, name);
      if (ignored) {
        // Only what a later `!` pattern takes in again, and then this directory for its sake.
        const isNew = !this.#items.has(path);
        this.#putDirectory(source, { from, node }, path);
        const before = this.#items.size;
        this.#copyChildren(source, { from, node }, path, here);
        if (isNew && this.#items.size === before) this.#items.delete(path);
        continue;
      }
      this.#putDirectory(source, { from, node }, path);
      this.#copyChildren(source, { from, node }, path, here);
    }
  }

  #copyWithParents({ source, pattern }: CopyArgument): void {
    this.#turn++;
    const { base, rest } = splitAtMark(pattern);
    const target = this.#makeDirectory(this.#target);
    for (const start of matchSources(source, base)) {
      const root = source.resolve(start, true);
      const paths = rest === "" ? [""] : matchBelow(source, root.path, rest);
      for (const relative of paths) {
        const { path: from, node } = source.resolve(joinPath(root.path, relative), false);
        if (!node && !hasWildcard(pattern))
          throw missingSource(source, pattern, joinPath(root.path, relative));
        if (!node || (relative !== "" && this.#excluded?.ignored(relative))) continue;
        let to = target;
        const names = relative.split("/").filter((name) => name !== "");
        for (let i = 0; i < names.length - 1; i++) {
          to = joinPath(to, names[i]!);
          const above = source.resolve(joinPath(root.path, names.slice(0, i + 1).join("/")), true);
          if (this.#destination.kindAt(to) === "directory" || !above.node) this.#makeDirectory(to);
          else this.#putDirectory(source, { from: above.path, node: above.node }, to);
        }
        if (names.length > 0) to = joinPath(to, names.at(-1)!);
        if (node.type !== "directory") this.#putFile(source, { from, node }, to);
        else {
          if (names.length > 0) this.#putDirectory(source, { from, node }, to);
          this.#copyChildren(source, { from, node }, to, relative);
        }
      }
    }
  }

  /** Makes a directory and those above it, mode 0755, where nothing is yet. Returns its resolved path. */
  #makeDirectory(path: string, because?: SourceNode): string {
    const to = this.#destination.resolve(path);
    const { directories, blocked } = this.#destination.enter(to);
    if (blocked !== undefined) {
      const what = because ? "a directory cannot be copied there" : "nothing can be copied below it";
      throw new StrakeError("BUILD_COPY_DEST", `${blocked} in the image is not a directory, so ${what}`);
    }
    for (const directory of directories)
      this.#items.set(directory.path, { kind: "parent", path: directory.path, directory });
    return to;
  }

  /** The resolved path of a file to be, the directories above it made. */
  #withParent(path: string): string {
    const to = this.#destination.resolve(path);
    this.#makeDirectory(parentOf(to));
    return to;
  }

  #kindAt(path: string) {
    const item = this.#items.get(path);
    if (item?.kind === "node" && item.node.type !== "directory" && item.node.type !== "symlink")
      return "other";
    return this.#destination.kindAt(path);
  }

  #putFile(source: CopySource, { from, node }: Located, path: string): void {
    if (this.#kindAt(path) === "directory") throw refuseFile(path, from);
    const isLink = node.type === "symlink";
    this.#destination.put(
      path,
      isLink ? "symlink" : "other",
      isLink ? source.readlink(from, node) : undefined,
    );
    this.#items.set(path, { kind: "node", path, turn: this.#turn, source, from, node });
  }

  #putDirectory(source: CopySource, { from, node }: Located, path: string): void {
    const kind = this.#kindAt(path);
    if (kind !== undefined && kind !== "directory") throw refuseDirectory(path, from, kind);
    this.#destination.put(path, "directory");
    this.#items.set(path, { kind: "node", path, turn: this.#turn, source, from, node });
  }
}

interface Located {
  readonly from: string;
  readonly node: SourceNode;
}
