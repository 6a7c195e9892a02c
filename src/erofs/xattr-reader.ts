import { decodePath } from "../tar/index.ts";
import { alignUp, xattrEntrySize, xattrHeaderSize } from "./format.ts";
import { damaged, type ErofsReader, type RawInode } from "./reader.ts";
import { xattrPrefix } from "./xattr-name.ts";

/** See `ErofsReader.xattrs`. */
export function readXattrs(reader: ErofsReader, raw: RawInode): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (raw.xattrSize === 0) return found;
  reader.check(raw.xattrOffset, raw.xattrSize);
  const end = raw.xattrOffset + raw.xattrSize;
  const shared = reader.image[raw.xattrOffset + 4]!;
  let at = raw.xattrOffset + xattrHeaderSize;
  if (at + shared * 4 > end)
    throw damaged(`node ${raw.inode.nid} has more shared attributes than room for them`);
  for (let i = 0; i < shared; i++, at += 4)
    readEntry(
      reader,
      reader.superblock.xattrOffset + reader.view.getUint32(at, true) * 4,
      reader.image.length,
      found,
    );
  while (at < end) at = readEntry(reader, at, end, found);
  return found;
}

/** Reads one attribute into `found`; returns where the next one starts. */
function readEntry(reader: ErofsReader, at: number, end: number, found: Map<string, Uint8Array>): number {
  reader.check(at, xattrEntrySize);
  const nameLength = reader.image[at]!;
  const valueLength = reader.view.getUint16(at + 2, true);
  const next = at + alignUp(xattrEntrySize + nameLength + valueLength, 4);
  if (next > end) throw damaged("an extended attribute leaves its area");
  const prefix = xattrPrefix(reader.image[at + 1]!);
  if (prefix === undefined) throw damaged("an extended attribute has an unknown name prefix");
  const nameEnd = at + xattrEntrySize + nameLength;
  const name = prefix + decodePath(reader.image.subarray(at + xattrEntrySize, nameEnd));
  found.set(name, reader.image.slice(nameEnd, nameEnd + valueLength));
  return next;
}
