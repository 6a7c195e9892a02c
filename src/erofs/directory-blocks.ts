import { encodePath } from "../tar/index.ts";
import { blockSize, direntSize } from "./format.ts";
import type { ImageOutput } from "./image-output.ts";
import type { NameTable } from "./name-table.ts";
import type { Pace } from "./table-memory.ts";

/**
 * Bytes of a directory with these names, in this order: blocks of entries followed by their names, each block complete
 * in itself, the last one cut behind its last name.
 */
export function directorySize(names: NameTable, ids: Uint32Array, pace: Pace): number {
  let blocks = 0;
  let used = 0;
  for (let i = 0; i < ids.length; i++) {
    const need = direntSize + names.lengthOf(ids[i]!);
    if (used + need > blockSize) {
      blocks++;
      used = 0;
    }
    used += need;
    pace.step();
  }
  return blocks * blockSize + used;
}

export interface DirectoryTarget {
  readonly output: ImageOutput;
  /** Where in the output's window the block goes that begins at `start` of the directory, -1 when it is not wanted now. */
  readonly placeOf: (start: number) => number;
  readonly pace: Pace;
}

/** Writes blocks of a directory. `nidOf` and `typeOf` say what a name's id leads to. */
export function writeDirectory(
  names: NameTable,
  ids: Uint32Array,
  { output, placeOf, pace }: DirectoryTarget,
  nidOf: (id: number) => number,
  typeOf: (id: number) => number,
): void {
  let first = 0;
  for (let start = 0; first < ids.length; start += blockSize) {
    let end = first;
    for (let used = 0; end < ids.length; end++) {
      used += direntSize + names.lengthOf(ids[end]!);
      if (used > blockSize) break;
    }
    const offset = placeOf(start);
    if (offset < 0) {
      first = end;
      continue;
    }
    const { bytes, view } = output;
    let nameOffset = (end - first) * direntSize;
    for (let at = offset; first < end; first++, at += direntSize) {
      const id = ids[first]!;
      view.setUint32(at, nidOf(id), true);
      view.setUint16(at + 8, nameOffset, true);
      bytes[at + 10] = typeOf(id);
      names.write(id, bytes, offset + nameOffset);
      nameOffset += names.lengthOf(id);
      pace.step();
    }
  }
}

/** Sorts file names, in place, by their bytes: the order of the index and of everything made from it. */
export function sortByBytes(names: string[]): void {
  // UTF-16 order is byte order except around surrogates (astral characters, escaped bytes).
  names.sort();
  if (names.some(hasSurrogate)) names.sort(compareBytes);
}

/** Which of two file names comes first by bytes: below zero the first. */
export function compareByBytes(a: string, b: string): number {
  if (hasSurrogate(a) || hasSurrogate(b)) return compareBytes(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
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
