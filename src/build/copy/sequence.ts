import { hasWildcard, IgnoreMatcher, parseIgnoreRule } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { baseName, cleanJoin, type Destination, joinPath, parentOf } from "./destination.ts";
import type { ArchiveItem, CopyItem, NodeItem } from "./item.ts";
import type { CopyArgument, CopyRequest } from "./map.ts";
import { matchBelow, matchSources, type SourceMatch, splitAtMark } from "./match.ts";
import { missingSource } from "./missing.ts";
import type { SourceNode } from "./source.ts";
import { type TreeCopy, walkTree } from "./tree-walk.ts";

/** Where files go as long as no symlink changes. */
interface Place {
  readonly turns: number;
  readonly isDirectory: boolean;
  readonly path: string;
}

/**
 * What the sources of a copy put into the image, in their order and with the directories on the way. Nothing of it is kept: it is gone
 * through as often as needed, each time with a destination as it was before, and is the same each time.
 */
export class CopySequence {
  readonly #request: CopyRequest;
  readonly #excluded: IgnoreMatcher | undefined;
  /** The destination, and whether it was written as a directory. */
  readonly #target: string;
  readonly #asDirectory: boolean;

  constructor(request: CopyRequest) {
    this.#request = request;
    const { destination, workingDir, excludes } = request;
    this.#target = cleanJoin(destination.startsWith("/") ? "" : workingDir || "/", destination);
    this.#asDirectory = /(^|\/)\.{0,2}$/.test(destination);
    const rules = excludes.flatMap((text) => parseIgnoreRule(text) ?? []);
    this.#excluded = rules.length > 0 ? new IgnoreMatcher(rules) : undefined;
  }

  /**
   * The items, one at a time. What they do to the destination is noted in it when the next one is asked for. Archives are told where their
   * turn comes. Throws BUILD_COPY_SOURCE, BUILD_COPY_DEST.
   */
  *items(
    destination: Destination,
    onArchive: (archive: ArchiveItem) => void,
  ): Generator<CopyItem, void, undefined> {
    const walk = new Walk(destination, { target: this.#target, asDirectory: this.#asDirectory, onArchive });
    const { arguments: list, parents, isArchive } = this.#request;
    for (const argument of list) {
      if (parents) {
        yield* this.#withParents(argument, walk);
        continue;
      }
      for (const match of matchSources(argument.source, argument.pattern)) {
        walk.turn++;
        const { node } = match;
        if (!node) throw missingSource(argument.source, argument.pattern, match.path);
        if (node.type === "directory") {
          const to = yield* walk.makeDirectory(this.#target, node);
          yield* walk.putTree(this.#tree(argument, { from: match.from, node, to, relative: "" }));
        } else if (!this.#excluded?.ignored(baseName(match.path))) {
          const archive = isArchive?.(argument.source, match.from) ?? false;
          yield* walk.putFile(argument, { ...match, node }, archive);
        }
      }
    }
  }

  /** What is copied when it is the contents of one directory and nothing else. The destination has the directories on the way then. */
  alone(
    destination: Destination,
  ): { readonly parents: readonly CopyItem[]; readonly copy: TreeCopy } | undefined {
    if (this.#request.parents) return undefined;
    let found: { readonly argument: CopyArgument; readonly match: SourceMatch } | undefined;
    for (const argument of this.#request.arguments)
      for (const match of matchSources(argument.source, argument.pattern)) {
        if (found) {
          this.#refuseMany(destination);
          return undefined;
        }
        found = { argument, match };
      }
    if (found?.match.node?.type !== "directory") return undefined;
    const { argument, match } = found;
    const walk = new Walk(destination, { target: this.#target, asDirectory: this.#asDirectory });
    const making = walk.makeDirectory(this.#target, match.node);
    const parents: CopyItem[] = [];
    for (;;) {
      const { done, value } = making.next();
      if (!done) parents.push(value);
      else
        return {
          parents,
          copy: {
            ...this.#tree(argument, { from: match.from, node: match.node!, to: value, relative: "" }),
            destination,
          },
        };
    }
  }

  #tree(
    { source }: CopyArgument,
    where: {
      readonly from: string;
      readonly node: SourceNode;
      readonly to: string;
      readonly relative: string;
    },
  ): TreeCopy {
    return { source, ...where, excluded: this.#excluded };
  }

  /** Several sources want a directory. */
  #refuseMany(target: Destination): void {
    if (this.#asDirectory || target.kindAt(target.resolve(this.#target)) === "directory") return;
    const { destination, arguments: list } = this.#request;
    let count = 0;
    for (const { source, pattern } of list) for (const _ of matchSources(source, pattern)) count++;
    const what =
      list.length > 1 ? `${count} sources` : `${list[0]!.pattern} matches ${count} paths, and they`;
    throw new StrakeError("BUILD_COPY_DEST", `${what} cannot be copied to one name, ${destination}`, {
      hint: `write ${destination}/ to copy them into a directory`,
    });
  }

  *#withParents(argument: CopyArgument, walk: Walk): Generator<CopyItem, void, undefined> {
    walk.turn++;
    const { source, pattern } = argument;
    const { base, rest } = splitAtMark(pattern);
    const target = yield* walk.makeDirectory(this.#target);
    for (const { from: root } of matchSources(source, base)) {
      const matches: Iterable<SourceMatch> =
        rest === ""
          ? [{ path: "", from: root, node: source.resolve(root, false).node }]
          : matchBelow(source, root, rest);
      for (const { path: relative, from, node } of matches) {
        if (!node && !hasWildcard(pattern)) throw missingSource(source, pattern, joinPath(root, relative));
        if (!node || (relative !== "" && this.#excluded?.ignored(relative))) continue;
        const to = yield* walk.putParents(argument, { root, relative, target });
        if (node.type !== "directory") {
          yield* walk.put({ kind: "node", path: to, turn: walk.turn, source, from, node });
          continue;
        }
        if (relative !== "") yield* walk.put({ kind: "node", path: to, turn: walk.turn, source, from, node });
        yield* walk.putTree(this.#tree(argument, { from, node, to, relative }));
      }
    }
  }
}

/** One pass over a sequence. */
class Walk {
  turn = 0;
  readonly #destination: Destination;
  readonly #target: string;
  readonly #asDirectory: boolean;
  readonly #onArchive: ((archive: ArchiveItem) => void) | undefined;
  #place: Place | undefined;
  /** The directory of the last item of `--parents`, below the root it was named from, and where it is in the image. */
  #above = { root: "", names: "", to: "", turns: -1 };

  constructor(
    destination: Destination,
    options: {
      readonly target: string;
      readonly asDirectory: boolean;
      readonly onArchive?: (archive: ArchiveItem) => void;
    },
  ) {
    this.#destination = destination;
    this.#target = options.target;
    this.#asDirectory = options.asDirectory;
    this.#onArchive = options.onArchive;
  }

  /** Makes a directory and those above it, mode 0755, where nothing is yet. Returns its resolved path. */
  *makeDirectory(path: string, because?: SourceNode): Generator<CopyItem, string, undefined> {
    const to = this.#destination.resolve(path);
    const { directories, blocked } = this.#destination.enter(to);
    if (blocked !== undefined) {
      const what = because ? "a directory cannot be copied there" : "nothing can be copied below it";
      throw new StrakeError("BUILD_COPY_DEST", `${blocked} in the image is not a directory, so ${what}`);
    }
    for (const directory of directories) yield { kind: "parent", path: directory.path, directory };
    return to;
  }

  *put(item: NodeItem): Generator<CopyItem, void, undefined> {
    yield item;
    this.#note(item);
  }

  /** Everything below a directory, with the metadata it has there; directories that exist take it over as well. */
  *putTree(copy: TreeCopy): Generator<CopyItem, void, undefined> {
    for (const item of walkTree({ ...copy, turn: this.turn })) {
      yield item;
      this.#note(item);
    }
  }

  /** A source that is a file, under its own name where the destination is a directory. */
  *putFile(
    { source }: CopyArgument,
    { path: name, from, node }: SourceMatch & { readonly node: SourceNode },
    isArchive: boolean,
  ): Generator<CopyItem, void, undefined> {
    if (isArchive) {
      this.#onArchive?.({ path: yield* this.makeDirectory(this.#target), source, from, node });
      return;
    }
    if (this.#place?.turns !== this.#destination.turns) this.#place = yield* this.#findPlace();
    const { isDirectory, path: at } = this.#place;
    const path = isDirectory ? joinPath(at, baseName(name)) : at;
    yield* this.put({ kind: "node", path, turn: this.turn, source, from, node });
  }

  /**
   * The directories above what `--parents` copies: with their own metadata where this copy makes them. Returns where what is below them
   * goes.
   */
  *putParents(
    { source }: CopyArgument,
    { root, relative, target }: { readonly root: string; readonly relative: string; readonly target: string },
  ): Generator<CopyItem, string, undefined> {
    const end = relative.lastIndexOf("/");
    const names = end < 0 ? "" : relative.slice(0, end);
    const last = relative.slice(end + 1);
    const { turns } = this.#destination;
    const isSame = this.#above.names === names && this.#above.root === root && this.#above.turns === turns;
    let to = isSame ? this.#above.to : target;
    if (!isSame && names !== "") {
      let below = "";
      for (const name of names.split("/")) {
        to = joinPath(to, name);
        below = below === "" ? name : `${below}/${name}`;
        const above = source.resolve(joinPath(root, below), true);
        if (this.#destination.kindAt(to) === "directory" || !above.node) yield* this.makeDirectory(to);
        else
          yield* this.put({
            kind: "node",
            path: to,
            turn: this.turn,
            source,
            from: above.path,
            node: above.node,
          });
      }
    }
    this.#above = { root, names, to, turns: this.#destination.turns };
    return last === "" ? to : joinPath(to, last);
  }

  *#findPlace(): Generator<CopyItem, Place, undefined> {
    const destination = this.#destination;
    const resolved = destination.resolve(this.#target);
    const isDirectory = this.#asDirectory || destination.kindAt(resolved) === "directory";
    const path = isDirectory ? this.#target : parentOf(resolved);
    const made = yield* this.makeDirectory(path);
    return { turns: destination.turns, isDirectory, path: isDirectory ? made : resolved };
  }

  #note({ path, source, from, node }: NodeItem): void {
    if (node.type === "directory") this.#destination.put(path, "directory");
    else if (node.type === "symlink") this.#destination.put(path, "symlink", source.readlink(from, node));
    else this.#destination.put(path, "other");
  }
}
