import type { TableMemory } from "../../erofs/index.ts";
import { Destination, type DestinationTree } from "./destination.ts";
import type { ArchiveItem, CopyItem } from "./item.ts";
import { Meetings } from "./meetings.ts";
import { CopySequence } from "./sequence.ts";
import type { CopySource } from "./source.ts";
import { type TreeCopy, walkTree } from "./tree-walk.ts";

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

export interface CopyArchive extends ArchiveItem {
  /** So many of the items come before it: sources are applied in their order, and what comes later replaces what came before. */
  readonly after: number;
}

export interface CopyPlan {
  /** All but archives, in the order of writing. Made anew by each walk over them. */
  readonly items: Iterable<CopyItem>;
  readonly archives: readonly CopyArchive[];
  /** The state of the destination after the items; unpacking goes on from here. */
  readonly destination: Destination;
}

/**
 * Maps sources to destination paths as the Dockerfile reference has it: a directory's contents are copied, not the
 * directory; a destination that is a directory or ends in a slash takes files under their own names; directories that are
 * missing are made; symlinks in the destination path are followed inside the image. Reads names, never contents. `memory` is for what
 * several sources need, to be open as long as the plan is used. Throws BUILD_COPY_SOURCE, BUILD_COPY_DEST.
 */
export function mapCopy(request: CopyRequest, tree: DestinationTree, memory?: TableMemory): CopyPlan {
  const destination = new Destination(tree);
  const sequence = new CopySequence(request);
  const alone = sequence.alone(destination);
  // Every path comes once, so nothing needs comparing.
  if (alone) return { items: { [Symbol.iterator]: () => aloneItems(alone) }, archives: [], destination };
  const archives: ArchiveItem[] = [];
  const meetings = Meetings.among(
    sequence.items(destination, (archive) => archives.push(archive)),
    destination,
    memory,
  );
  const again = (onArchive: (archive: ArchiveItem) => void) =>
    sequence.items(new Destination(tree), onArchive);
  if (archives.length === 0)
    return {
      items: { [Symbol.iterator]: () => meetings.settle(again(() => {})) },
      archives: [],
      destination,
    };
  return {
    items: { [Symbol.iterator]: () => meetings.settleLate(again(() => {})) },
    archives: withTheirTurn(meetings, again),
    destination,
  };
}

function* aloneItems({ parents, copy }: { readonly parents: readonly CopyItem[]; readonly copy: TreeCopy }) {
  yield* parents;
  yield* walkTree(copy);
}

function withTheirTurn(
  meetings: Meetings,
  again: (onArchive: (archive: ArchiveItem) => void) => Iterable<CopyItem>,
): CopyArchive[] {
  const archives: CopyArchive[] = [];
  let after = 0;
  for (const _ of meetings.settleLate(again((archive) => archives.push({ ...archive, after })))) after++;
  return archives;
}
