import { StrakeError } from "../errors/index.ts";
import { blockSize, field, magicOffset, typeflagOffset } from "./block.ts";
import { parseNumber } from "./number.ts";
import { decodePath, isAscii } from "./path.ts";

/** The fields of one header block as they stand there, before any extension is applied. */
export interface RawHeader {
  readonly typeflag: string;
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkname: string;
  readonly uname: string;
  readonly gname: string;
  readonly devmajor: number;
  readonly devminor: number;
}

/**
 * One header block, held 4-byte aligned. Reading every header from the same place costs one copy of 512 bytes and
 * saves a view per field.
 */
export class HeaderBlock {
  readonly bytes: Buffer = Buffer.from(new ArrayBuffer(blockSize));
  readonly #words = new Uint32Array(this.bytes.buffer);

  isZero(): boolean {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    return true;
  }

  /** Parses the block. Throws `TAR_INVALID` when the checksum or a number is wrong. */
  parse(): RawHeader {
    const bytes = this.bytes;
    this.#verifyChecksum();
    const dialect = dialectOf(bytes);
    let path = readString(bytes, field.name[0], field.name[1]);
    if (dialect === "ustar" || dialect === "star" || (dialect === "gnu" && hasPrefixByMistake(bytes))) {
      // star keeps atime and ctime in the prefix's last 24 bytes.
      const prefix = readString(bytes, field.prefix[0], dialect === "star" ? 131 : field.prefix[1]);
      if (prefix !== "" && (dialect !== "gnu" || isAscii(prefix))) path = `${prefix}/${path}`;
    }
    const named = dialect !== "v7";
    return {
      typeflag: String.fromCharCode(bytes[typeflagOffset]!),
      path,
      mode: number(bytes, field.mode, "the mode") % 0o10000,
      uid: number(bytes, field.uid, "the uid"),
      gid: number(bytes, field.gid, "the gid"),
      size: number(bytes, field.size, "the size"),
      mtime: number(bytes, field.mtime, "the modification time"),
      linkname: readString(bytes, field.linkname[0], field.linkname[1]),
      uname: named ? readString(bytes, field.uname[0], field.uname[1]) : "",
      gname: named ? readString(bytes, field.gname[0], field.gname[1]) : "",
      devmajor: named ? number(bytes, field.devmajor, "the device's major number") : 0,
      devminor: named ? number(bytes, field.devminor, "the device's minor number") : 0,
    };
  }

  /** The sum of all bytes with the checksum field as spaces. Some old writers summed signed bytes. */
  #verifyChecksum(): void {
    const words = this.#words;
    // Two 16-bit lanes in each sum: 128 words of at most 255 a lane fit, and the sums stay 32-bit integers.
    let even = 0;
    let odd = 0;
    let highBits = 0;
    for (let i = 0; i < 128; i++) {
      const word = words[i]!;
      even = (even + (word & 0x00ff00ff)) | 0;
      odd = (odd + ((word >>> 8) & 0x00ff00ff)) | 0;
      highBits |= word;
    }
    const [at, length] = field.checksum;
    let blank = 0;
    for (let i = at; i < at + length; i++) blank += 0x20 - this.bytes[i]!;
    const unsigned = (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16) + blank;
    const stored = parseNumber(this.bytes, at, length, "the header's checksum");
    if (stored === unsigned) return;
    if ((highBits & 0x80808080) !== 0 && stored === unsigned - 256 * this.#highBytes()) return;
    throw new StrakeError(
      "TAR_INVALID",
      `the header's checksum is ${stored} but its bytes sum to ${unsigned}`,
    );
  }

  #highBytes(): number {
    const [at, length] = field.checksum;
    let count = 0;
    for (let i = 0; i < blockSize; i++) if (this.bytes[i]! > 0x7f && (i < at || i >= at + length)) count++;
    return count;
  }
}

type Dialect = "v7" | "ustar" | "gnu" | "star";

function dialectOf(bytes: Buffer): Dialect {
  // "ustar\0" is POSIX's, "ustar  \0" GNU's.
  if (bytes.readUInt32BE(magicOffset) !== 0x75737461 || bytes[magicOffset + 4] !== 0x72) return "v7";
  if (bytes[magicOffset + 5] === 0x20 && bytes[magicOffset + 6] === 0x20 && bytes[magicOffset + 7] === 0)
    return "gnu";
  if (bytes[magicOffset + 5] !== 0) return "v7";
  return bytes.readUInt32BE(508) === 0x74617200 ? "star" : "ustar";
}

/**
 * Go before 1.8 (golang.org/issue/12594), and so early Docker, wrote GNU headers with a ustar prefix where GNU keeps
 * atime and ctime. Such a prefix shows by not being a number.
 */
function hasPrefixByMistake(bytes: Buffer): boolean {
  return !isTimeOrEmpty(bytes, field.gnuAtime) || !isTimeOrEmpty(bytes, field.gnuCtime);
}

function isTimeOrEmpty(bytes: Buffer, [at, length]: readonly [number, number]): boolean {
  if (bytes[at] === 0) return true;
  try {
    parseNumber(bytes, at, length, "a time");
    return true;
  } catch {
    return false;
  }
}

function number(bytes: Buffer, place: readonly [number, number], what: string): number {
  return parseNumber(bytes, place[0], place[1], what);
}

/** The bytes of a field up to its first NUL. */
function readString(bytes: Buffer, at: number, length: number): string {
  const end = at + length;
  let stop = at;
  let seen = 0;
  while (stop < end) {
    const byte = bytes[stop]!;
    if (byte === 0) break;
    seen |= byte;
    stop++;
  }
  if (stop === at) return "";
  return seen < 0x80 ? bytes.toString("latin1", at, stop) : decodePath(bytes.subarray(at, stop));
}
