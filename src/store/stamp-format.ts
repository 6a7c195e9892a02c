import { createHash } from "node:crypto";
import type { Digest } from "../oci/index.ts";

/**
 * What changes when a file does. A `Stats` of node:fs is one. Times are in milliseconds with fraction: a double keeps
 * a quarter of a microsecond of them, finer than any clock that stamps files.
 */
export interface FileStamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** A decoded file of stamps, kept in columns: no object for each row is made until it is asked for. */
export interface StampTable {
  /** Path to row. */
  readonly index: ReadonlyMap<string, number>;
  /** Four numbers a row: size, mtimeMs, ctimeMs, ino. */
  readonly stamps: Float64Array;
  /** 64 hexadecimal digits a row. */
  readonly hex: string;
}

const magic = "strake stamps 1\n";
const headerSize = 16 + 32 + 8;
const empty: StampTable = { index: new Map(), stamps: new Float64Array(), hex: "" };

/**
 * The table in these bytes; empty when they are missing, damaged or of another version. Layout: magic, sha256 of the rest, row count
 * and length of the path text (u32 each, little-endian), stamps, digests, paths ended by NUL each.
 */
export function decodeStamps(bytes: Uint8Array | undefined): StampTable {
  if (!bytes || bytes.byteLength < headerSize) return empty;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.toString("latin1", 0, 16) !== magic) return empty;
  // Not synced when written: after a power cut the file may have its length but not its bytes.
  if (!checksum(buffer.subarray(48)).equals(buffer.subarray(16, 48))) return empty;
  const count = buffer.readUInt32LE(48);
  const stampsEnd = headerSize + count * 32;
  const digestsEnd = stampsEnd + count * 32;
  if (digestsEnd + buffer.readUInt32LE(52) !== buffer.byteLength) return empty;
  const stamps = new Float64Array(
    buffer.buffer.slice(buffer.byteOffset + headerSize, buffer.byteOffset + stampsEnd),
  );
  const paths = buffer.toString("utf8", digestsEnd).split("\0");
  const index = new Map<string, number>();
  for (let row = 0; row < count; row++) index.set(paths[row]!, row);
  return { index, stamps, hex: buffer.toString("hex", stampsEnd, digestsEnd) };
}

/** The rows of `table` that `keep` allows, overlaid with the fresh ones, as bytes. */
export function encodeStamps(
  table: StampTable,
  fresh: ReadonlyMap<string, { readonly stamp: FileStamp; readonly digest: Digest }>,
  keep: (path: string) => boolean,
): Uint8Array {
  const kept = [...table.index].filter(([path]) => !fresh.has(path) && keep(path));
  // A path that UTF-8 cannot carry would come back as another one.
  const added = [...fresh].filter(([path]) => path.isWellFormed() && !path.includes("\0"));
  const count = kept.length + added.length;
  const stamps = new Float64Array(count * 4);
  const hex: string[] = [];
  let row = 0;
  for (const [, old] of kept) {
    stamps.set(table.stamps.subarray(old * 4, old * 4 + 4), row++ * 4);
    hex.push(table.hex.slice(old * 64, old * 64 + 64));
  }
  for (const [, { stamp, digest }] of added) {
    stamps.set([stamp.size, stamp.mtimeMs, stamp.ctimeMs, stamp.ino], row++ * 4);
    hex.push(digest.slice(7));
  }
  const paths = Buffer.from([...kept, ...added].map(([path]) => `${path}\0`).join(""));
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(count, 0);
  sizes.writeUInt32LE(paths.byteLength, 4);
  const body = Buffer.concat([sizes, Buffer.from(stamps.buffer), Buffer.from(hex.join(""), "hex"), paths]);
  return Buffer.concat([Buffer.from(magic, "latin1"), checksum(body), body]);
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
