import { encodePath } from "../tar/index.ts";
import { blockSize, direntSize } from "./format.ts";

/** A directory's names in the order the format wants, with the size they take. */
export interface DirectoryNames {
  /** Names with `.` and `..`, sorted by their bytes. */
  readonly names: readonly string[];
  readonly size: number;
}

/**
 * Sorts names by bytes and finds the size of the directory: blocks of entries followed by their names, each block
 * complete in itself, the last one cut behind its last name.
 */
export function arrangeNames(children: Iterable<string>): DirectoryNames {
  const names = [".", "..", ...children];
  sortByBytes(names);
  let blocks = 0;
  let used = 0;
  for (const name of names) {
    const need = direntSize + byteLength(name);
    if (used + need > blockSize) {
      blocks++;
      used = 0;
    }
    used += need;
  }
  return { names, size: blocks * blockSize + used };
}

/**
 * Writes the directory's blocks: the whole ones to `offset` onwards, the last to `tailOffset` (where they differ the
 * tail is kept behind the inode). `entry` gives nid and type of a name.
 */
export function writeDirectory(
  directory: DirectoryNames,
  target: {
    readonly image: Uint8Array;
    readonly view: DataView;
    readonly offset: number;
    readonly tailOffset: number;
  },
  entry: (name: string) => { nid: number; type: number },
): void {
  const { names } = directory;
  const lastStart = Math.floor((directory.size - 1) / blockSize) * blockSize;
  let first = 0;
  for (let start = 0; first < names.length; start += blockSize) {
    let end = first;
    let used = 0;
    while (end < names.length) {
      const need = direntSize + byteLength(names[end]!);
      if (used + need > blockSize) break;
      used += need;
      end++;
    }
    writeBlock(
      names,
      first,
      end,
      start === lastStart ? target.tailOffset : target.offset + start,
      target,
      entry,
    );
    first = end;
  }
}

function writeBlock(
  names: readonly string[],
  first: number,
  end: number,
  offset: number,
  { image, view }: { image: Uint8Array; view: DataView },
  entry: (name: string) => { nid: number; type: number },
): void {
  let nameOffset = (end - first) * direntSize;
  for (let i = first; i < end; i++) {
    const name = names[i]!;
    const at = offset + (i - first) * direntSize;
    const { nid, type } = entry(name);
    view.setUint32(at, nid, true);
    view.setUint16(at + 8, nameOffset, true);
    image[at + 10] = type;
    nameOffset += writeName(name, image, offset + nameOffset);
  }
}

function writeName(name: string, image: Uint8Array, at: number): number {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit > 0x7f) {
      const bytes = encodePath(name);
      image.set(bytes, at);
      return bytes.length;
    }
    image[at + i] = unit;
  }
  return name.length;
}

function byteLength(name: string): number {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7f) return encodePath(name).length;
  return name.length;
}

function hasSurrogate(name: string): boolean {
  for (let i = 0; i < name.length; i++) if ((name.charCodeAt(i) & 0xf800) === 0xd800) return true;
  return false;
}

/** Sorts file names, in place, by their bytes: the order of the index and of everything made from it. */
export function sortByBytes(names: string[]): void {
  // UTF-16 order is byte order except around surrogates (astral characters, escaped bytes).
  names.sort();
  if (names.some(hasSurrogate)) names.sort(compareBytes);
}

/** Order of two strings by their bytes. */
function compareBytes(a: string, b: string): number {
  const left = encodePath(a);
  const right = encodePath(b);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
}
