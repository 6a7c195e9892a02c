import { StrakeError } from "../errors/index.ts";
import { encodePath, quote } from "../tar/index.ts";
import { alignUp, xattrEntrySize, xattrHeaderSize } from "./format.ts";
import type { ImageOutput } from "./image-output.ts";
import { splitXattrName } from "./xattr-name.ts";

interface Attribute {
  readonly index: number;
  readonly rest: Uint8Array;
  readonly value: Uint8Array;
  /** Bytes of the entry, padding included. */
  readonly size: number;
  /** Inodes that carry it: a value of several (SELinux labels) is stored once, in the shared area. */
  uses: number;
  /** Offset in the shared area divided by 4; meaningful when shared. */
  sharedId: number;
}

/** Attribute sets of a layer, each set and each value kept once. Set 0 is the empty one. */
export class XattrTable {
  readonly #attributes: Attribute[] = [];
  readonly #attributeIds = new Map<string, number>();
  readonly #sets: (readonly number[])[] = [[]];
  readonly #setIds = new Map<string, number>([["", 0]]);

  /** The set that holds these attributes, less those an index does not carry (see xattr-name.ts). */
  intern(xattrs: ReadonlyMap<string, Uint8Array>, path: string): number {
    const names = [...xattrs.keys()].sort();
    const set: number[] = [];
    for (const name of names) {
      const split = splitXattrName(name);
      if (split) set.push(this.#attribute(name, split, xattrs.get(name)!, path));
    }
    return this.#set(set);
  }

  /** The set with the overlayfs mark of an opaque directory added. */
  withOpaque(set: number): number {
    const opaque = this.#attribute(
      "trusted.overlay.opaque",
      { index: 4, rest: "overlay.opaque" },
      Uint8Array.of(0x79),
      "",
    );
    return this.#set([...this.#sets[set]!, opaque]);
  }

  /** Counts one inode that carries the set; `layout` wants all of them counted. */
  use(set: number): void {
    for (const id of this.#sets[set]!) this.#attributes[id]!.uses++;
  }

  /** Gives each shared attribute its place; returns the size of the shared area in bytes. */
  layout(): number {
    let offset = 0;
    for (const attribute of this.#attributes) {
      if (!isShared(attribute)) continue;
      attribute.sharedId = offset / 4;
      offset += attribute.size;
    }
    return offset;
  }

  /** Bytes the set takes behind an inode. */
  sizeOf(set: number): number {
    if (set === 0) return 0;
    let size = xattrHeaderSize;
    for (const id of this.#inlineOrder(set))
      size += this.#isSharedIn(set, id) ? 4 : this.#attributes[id]!.size;
    if (size > xattrHeaderSize + 4 * 0xfffe)
      throw new StrakeError("EROFS_LIMIT", "an entry's extended attributes take more than 256 KiB together");
    return size;
  }

  write(set: number, image: Uint8Array, view: DataView, offset: number): void {
    const ids = this.#inlineOrder(set);
    let at = offset + xattrHeaderSize;
    let shared = 0;
    for (const id of ids) {
      if (!this.#isSharedIn(set, id)) continue;
      view.setUint32(at, this.#attributes[id]!.sharedId, true);
      at += 4;
      shared++;
    }
    image[offset + 4] = shared;
    for (const id of ids) {
      if (this.#isSharedIn(set, id)) continue;
      writeEntry(this.#attributes[id]!, image, view, at);
      at += this.#attributes[id]!.size;
    }
  }

  /** Writes the shared area, which begins at `start` of the image. */
  writeShared(output: ImageOutput, start: number): void {
    for (const attribute of this.#attributes) {
      if (!isShared(attribute)) continue;
      const at = output.reserve(start + attribute.sharedId * 4, attribute.size);
      writeEntry(attribute, output.bytes, output.view, at);
    }
  }

  #inlineOrder(set: number): readonly number[] {
    return this.#sets[set]!;
  }

  /** The count of shared attributes of an inode is a byte; what comes after 255 of them is stored inline. */
  #isSharedIn(set: number, id: number): boolean {
    if (!isShared(this.#attributes[id]!)) return false;
    const ids = this.#sets[set]!;
    return ids.length <= 255 || ids.indexOf(id) < 255;
  }

  #set(ids: readonly number[]): number {
    const key = ids.join(",");
    const known = this.#setIds.get(key);
    if (known !== undefined) return known;
    this.#sets.push(ids);
    this.#setIds.set(key, this.#sets.length - 1);
    return this.#sets.length - 1;
  }

  #attribute(name: string, split: { index: number; rest: string }, value: Uint8Array, path: string): number {
    const key = `${name}\0${latin1(value)}`;
    const known = this.#attributeIds.get(key);
    if (known !== undefined) return known;
    const rest = encodePath(split.rest);
    if (rest.length > 255)
      throw new StrakeError(
        "EROFS_LIMIT",
        `the name of an extended attribute of ${quote(path)} is longer than 255 bytes`,
      );
    if (value.length > 0xffff)
      throw new StrakeError(
        "EROFS_LIMIT",
        `an extended attribute of ${quote(path)} is longer than 65,535 bytes`,
      );
    const size = alignUp(xattrEntrySize + rest.length + value.length, 4);
    this.#attributes.push({ index: split.index, rest, value: value.slice(), size, uses: 0, sharedId: 0 });
    this.#attributeIds.set(key, this.#attributes.length - 1);
    return this.#attributes.length - 1;
  }
}

/** Sharing costs 4 bytes an inode and one copy; it pays from the second inode on. */
function isShared(attribute: Attribute): boolean {
  return attribute.uses > 1;
}

function writeEntry(attribute: Attribute, image: Uint8Array, view: DataView, offset: number): void {
  image[offset] = attribute.rest.length;
  image[offset + 1] = attribute.index;
  view.setUint16(offset + 2, attribute.value.length, true);
  image.set(attribute.rest, offset + 4);
  image.set(attribute.value, offset + 4 + attribute.rest.length);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
