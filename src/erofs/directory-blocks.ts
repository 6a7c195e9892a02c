import { encodePath } from "../tar/index.ts";
import { blockSize, direntSize } from "./format.ts";
import type { NameTable } from "./name-table.ts";

/**
 * Bytes of a directory with these names, in this order: blocks of entries followed by their names, each block complete
 * in itself, the last one cut behind its last name.
 */
export function directorySize(names: NameTable, ids: Uint32Array): number {
  let blocks = 0;
  let used = 0;
  for (let i = 0; i < ids.length; i++) {
    const need = direntSize + names.lengthOf(ids[i]!);
    if (used + need > blockSize) {
      blocks++;
      used = 0;
    }
    used += need;
  }
  return blocks * blockSize + used;
}

export interface DirectoryTarget {
  readonly image: Uint8Array;
  readonly view: DataView;
  /** Where the whole blocks go, and where the last one does (behind the inode when it is kept inline). */
  readonly offset: number;
  readonly tailOffset: number;
  readonly size: number;
}

/** Writes the blocks of a directory. `nidOf` and `typeOf` say what a name's id leads to. */
export function writeDirectory(
  names: NameTable,
  ids: Uint32Array,
  target: DirectoryTarget,
  nidOf: (id: number) => number,
  typeOf: (id: number) => number,
): void {
  const { image, view, size } = target;
  const lastStart = Math.floor((size - 1) / blockSize) * blockSize;
  let first = 0;
  for (let start = 0; first < ids.length; start += blockSize) {
    let end = first;
    for (let used = 0; end < ids.length; end++) {
      used += direntSize + names.lengthOf(ids[end]!);
      if (used > blockSize) break;
    }
    const offset = start === lastStart ? target.tailOffset : target.offset + start;
    let nameOffset = (end - first) * direntSize;
    for (let at = offset; first < end; first++, at += direntSize) {
      const id = ids[first]!;
      view.setUint32(at, nidOf(id), true);
      view.setUint16(at + 8, nameOffset, true);
      image[at + 10] = typeOf(id);
      names.write(id, image, offset + nameOffset);
      nameOffset += names.lengthOf(id);
    }
  }
}

/** Sorts file names, in place, by their bytes: the order of the index and of everything made from it. */
export function sortByBytes(names: string[]): void {
  // UTF-16 order is byte order except around surrogates (astral characters, escaped bytes).
  names.sort();
  if (names.some(hasSurrogate)) names.sort(compareBytes);
}

function hasSurrogate(name: string): boolean {
  for (let i = 0; i < name.length; i++) if ((name.charCodeAt(i) & 0xf800) === 0xd800) return true;
  return false;
}

function compareBytes(a: string, b: string): number {
  const left = encodePath(a);
  const right = encodePath(b);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
}
