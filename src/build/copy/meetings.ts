import type { TableMemory } from "../../erofs/index.ts";
import { BytePieces, Collections } from "../../sys/index.ts";
import { decodePath, encodePath } from "../../tar/index.ts";
import type { Destination } from "./destination.ts";
import type { CopyItem, NodeItem } from "./item.ts";
import { PathRows } from "./path-rows.ts";
import { refuseDirectory, refuseFile } from "./refuse.ts";
import type { CopySource } from "./source.ts";

/** What a row of `#seen` holds: whether it is a plain file, and the row of `#met` plus one. */
const seen = { isFile: 0, meeting: 1 } as const;
/** What a row of `#met` holds: the item that counts, and what is needed to make it. */
const met = { position: 0, turn: 1, source: 2, piece: 3, offset: 4, length: 5 } as const;

/** Items between two collections, as the collector would let those of a large copy pile up; and how many of them are of the young alone. */
const collectEvery = 3000;
const fullEvery = 10;
/** Bytes of paths taken at once. */
const pieceSize = 256 << 10;

/**
 * The paths that more than one source of a copy gives. The later one counts; in the layer it stands where the first one would. Paths that
 * come once, which nearly all are, are forgotten again.
 */
export class Meetings {
  readonly #met: PathRows;
  readonly #sources: CopySource[] = [];
  /** Where the items that count come from, one path behind the other. */
  readonly #from: Buffer[] = [];
  readonly #pieces: BytePieces;
  #used = pieceSize;

  private constructor(memory: TableMemory | undefined) {
    this.#met = new PathRows(6, memory);
    this.#pieces = new BytePieces(memory);
  }

  /**
   * Goes through the items of all sources, in their order, and refuses what would replace a directory by something else or the other way round.
   * `destination` is as it was before each item when that is asked for. Throws BUILD_COPY_DEST.
   */
  static among(items: Iterable<CopyItem>, destination: Destination, memory?: TableMemory): Meetings {
    const meetings = new Meetings(memory);
    const paths = new PathRows(2, memory);
    let position = 0;
    const collections = new Collections({ every: collectEvery, fullEvery });
    for (const item of items) {
      collections.passed(1);
      let row = paths.find(item.path);
      const isNew = row < 0;
      if (item.kind === "node") check(item, !isNew && paths.get(row, seen.isFile) === 1, destination);
      if (isNew) row = paths.add();
      else if (item.kind === "node") {
        const before = paths.get(row, seen.meeting);
        paths.set(row, seen.meeting, meetings.#note(item, position, before));
      }
      paths.set(row, seen.isFile, item.kind === "node" && isFile(item) ? 1 : 0);
      position++;
    }
    return meetings;
  }

  /** The items that count among the same items made anew, each once. `from` tells an item's node from where it lies. */
  *settle(items: Iterable<CopyItem>): Generator<CopyItem, void, undefined> {
    if (this.#met.count === 0) {
      yield* items;
      return;
    }
    const done = new Uint8Array(this.#met.count);
    let position = -1;
    for (const item of items) {
      position++;
      const row = this.#met.find(item.path);
      if (row < 0) yield item;
      else if (done[row] === 0) {
        done[row] = 1;
        yield this.#met.get(row, met.position) === position ? item : this.#itemOf(row, item.path);
      }
    }
  }

  /** As `settle`, but each item stands where the source that counts gives it: what is written in between cannot replace it. */
  *settleLate(items: Iterable<CopyItem>): Generator<CopyItem, void, undefined> {
    let position = -1;
    for (const item of items) {
      position++;
      const row = this.#met.count === 0 ? -1 : this.#met.find(item.path);
      if (row < 0 || this.#met.get(row, met.position) === position) yield item;
    }
  }

  /** `before`: what this gave for the path when it was met before, else 0. */
  #note({ path, source, from, turn = 0 }: NodeItem, position: number, before: number): number {
    let row = before - 1;
    if (row < 0) {
      this.#met.find(path);
      row = this.#met.add();
    }
    const bytes = encodePath(from);
    if (this.#used + bytes.length > pieceSize) {
      this.#from.push(this.#pieces.take(Math.max(pieceSize, bytes.length)));
      this.#used = 0;
    }
    this.#from.at(-1)!.set(bytes, this.#used);
    let index = this.#sources.indexOf(source);
    if (index < 0) index = this.#sources.push(source) - 1;
    this.#met.set(row, met.position, position);
    this.#met.set(row, met.turn, turn);
    this.#met.set(row, met.source, index);
    this.#met.set(row, met.piece, this.#from.length - 1);
    this.#met.set(row, met.offset, this.#used);
    this.#met.set(row, met.length, bytes.length);
    this.#used += bytes.length;
    return row + 1;
  }

  #itemOf(row: number, path: string): NodeItem {
    const number = (value: number) => this.#met.get(row, value);
    const start = number(met.offset);
    const bytes = this.#from[number(met.piece)]!.subarray(start, start + number(met.length));
    const source = this.#sources[number(met.source)]!;
    const from = decodePath(bytes);
    return {
      kind: "node",
      path,
      turn: number(met.turn),
      source,
      from,
      node: source.resolve(from, false).node!,
    };
  }
}

function check(item: NodeItem, isOverFile: boolean, destination: Destination): void {
  const { path, from, node } = item;
  const kind = isOverFile ? "other" : destination.kindAt(path);
  if (node.type !== "directory") {
    if (kind === "directory") throw refuseFile(path, from);
  } else if (kind !== undefined && kind !== "directory") throw refuseDirectory(path, from, kind);
}

function isFile({ node }: NodeItem): boolean {
  return node.type !== "directory" && node.type !== "symlink";
}
