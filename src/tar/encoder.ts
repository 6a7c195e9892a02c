import { StrakeError } from "../errors/index.ts";
import { blockSize, field, magicOffset, paddedSize, typeflagOffset } from "./block.ts";
import type { EntryHeader, EntryType } from "./entry.ts";
import { quote } from "./path.ts";
import { encodePax, type PaxRecords, paxRecordsOf, splitPath } from "./pax-encode.ts";

const typeflags: Readonly<Record<EntryType, number>> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
};

/** The largest numbers that fit a field's octal digits (7 or 11, then NUL). */
export const maxOctal8 = 0o7777777;
export const maxOctal12 = 0o77777777777;

/** Name of the PAX header's own block, as Python writes it: constant, so that output depends on the entry alone. */
const paxName = "././@PaxHeader";

/**
 * Writes entry headers: one ustar block when it says everything, else a PAX header in front of it. The bytes depend
 * on nothing but the header.
 *
 * Neighbours in an archive mostly share owner, mode and type, so the block of the previous entry with its name, size
 * and time blanked is kept as a template. The checksum is summed up while fields are written.
 */
export class HeaderEncoder {
  readonly #template = Buffer.alloc(blockSize);
  #templateSum = 0;
  #type: EntryType | undefined;
  #mode = -1;
  #uid = -1;
  #gid = -1;
  #uname = "";
  #gname = "";
  #sum = 0;

  /**
   * Writes the header at `offset` and returns its length, a multiple of 512. `target` must have `maxHeaderSize(header)`
   * bytes from there on. Throws `TAR_UNSUPPORTED` for a header no archive can express, `TAR_INVALID` for one that
   * makes no sense.
   */
  encodeInto(target: Buffer, offset: number, header: EntryHeader): number {
    check(header);
    const records = paxRecordsOf(header);
    if (!records) {
      this.#writeBlock(target, offset, header);
      return blockSize;
    }
    const body = encodePax(records);
    const size = paddedSize(body.length);
    this.#writePaxBlock(target, offset, body.length);
    target.set(body, offset + blockSize);
    target.fill(0, offset + blockSize + body.length, offset + blockSize + size);
    this.#writeBlock(target, offset + blockSize + size, withoutPax(header, records));
    return 2 * blockSize + size;
  }

  #writeBlock(target: Buffer, offset: number, header: EntryHeader): void {
    this.#prepare(header);
    target.set(this.#template, offset);
    this.#sum = this.#templateSum;
    const path = header.path;
    if (path.length <= field.name[1]) this.#ascii(target, offset + field.name[0], path);
    else {
      const cut = splitPath(path);
      this.#ascii(target, offset + field.prefix[0], path.slice(0, cut));
      this.#ascii(target, offset + field.name[0], path.slice(cut + 1));
    }
    if (header.linkname !== "") this.#ascii(target, offset + field.linkname[0], header.linkname);
    if (header.size !== 0) this.#octal(target, offset + field.size[0], 11, header.size);
    if (header.mtime !== 0) this.#octal(target, offset + field.mtime[0], 11, header.mtime);
    if (header.devmajor !== 0) this.#octal(target, offset + field.devmajor[0], 7, header.devmajor);
    if (header.devminor !== 0) this.#octal(target, offset + field.devminor[0], 7, header.devminor);
    writeChecksum(target, offset, this.#sum);
  }

  #writePaxBlock(target: Buffer, offset: number, size: number): void {
    this.#type = undefined;
    this.#makeTemplate(0x78, 0o644, 0, 0, "", "");
    target.set(this.#template, offset);
    this.#sum = this.#templateSum;
    this.#ascii(target, offset, paxName);
    this.#octal(target, offset + field.size[0], 11, size);
    writeChecksum(target, offset, this.#sum);
  }

  #prepare(header: EntryHeader): void {
    if (
      header.type === this.#type &&
      header.mode === this.#mode &&
      header.uid === this.#uid &&
      header.gid === this.#gid &&
      header.uname === this.#uname &&
      header.gname === this.#gname
    )
      return;
    this.#makeTemplate(
      typeflags[header.type],
      header.mode,
      header.uid,
      header.gid,
      header.uname,
      header.gname,
    );
    this.#type = header.type;
    this.#mode = header.mode;
    this.#uid = header.uid;
    this.#gid = header.gid;
    this.#uname = header.uname;
    this.#gname = header.gname;
  }

  #makeTemplate(
    typeflag: number,
    mode: number,
    uid: number,
    gid: number,
    uname: string,
    gname: string,
  ): void {
    const block = this.#template.fill(0);
    this.#sum = 0;
    this.#octal(block, field.mode[0], 7, mode);
    this.#octal(block, field.uid[0], 7, uid);
    this.#octal(block, field.gid[0], 7, gid);
    this.#octal(block, field.size[0], 11, 0);
    this.#octal(block, field.mtime[0], 11, 0);
    this.#octal(block, field.devmajor[0], 7, 0);
    this.#octal(block, field.devminor[0], 7, 0);
    block.fill(0x20, field.checksum[0], field.checksum[0] + field.checksum[1]);
    block[typeflagOffset] = typeflag;
    this.#sum += field.checksum[1] * 0x20 + typeflag;
    this.#ascii(block, magicOffset, "ustar");
    this.#ascii(block, magicOffset + 6, "00");
    this.#ascii(block, field.uname[0], uname);
    this.#ascii(block, field.gname[0], gname);
    this.#templateSum = this.#sum;
  }

  #ascii(target: Buffer, offset: number, text: string): void {
    let sum = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      target[offset + i] = unit;
      sum += unit;
    }
    this.#sum += sum;
  }

  /** Writes digits over digits: the sum changes by the difference. */
  #octal(target: Buffer, offset: number, digits: number, value: number): void {
    let rest = value;
    let sum = 0;
    for (let i = offset + digits - 1; i >= offset; i--) {
      const next = Math.floor(rest / 8);
      const digit = 0x30 + (rest - next * 8);
      sum += digit - target[i]!;
      target[i] = digit;
      rest = next;
    }
    this.#sum += sum;
  }
}

/** The header blocks of one entry, PAX header included. See `HeaderEncoder` for many. */
export function encodeHeader(header: EntryHeader): Uint8Array {
  const target = Buffer.alloc(maxHeaderSize(header));
  return target.subarray(0, new HeaderEncoder().encodeInto(target, 0, header));
}

/** An upper bound of what `encodeInto` writes for a header, cheap to compute. */
export function maxHeaderSize(header: EntryHeader): number {
  // Three bytes a UTF-16 unit, and keys, lengths and numbers of the fixed records.
  let body =
    3 * (header.path.length + header.linkname.length + header.uname.length + header.gname.length) + 512;
  for (const [name, value] of header.xattrs ?? []) body += 3 * name.length + value.length + 40;
  return 2 * blockSize + paddedSize(body);
}

/** Six octal digits, NUL, space: as every tar writes it. */
function writeChecksum(target: Buffer, offset: number, sum: number): void {
  const at = offset + field.checksum[0];
  for (let i = 5, rest = sum; i >= 0; i--, rest >>>= 3) target[at + i] = 0x30 + (rest & 7);
  target[at + 6] = 0;
  target[at + 7] = 0x20;
}

function check(header: EntryHeader): void {
  const { path, linkname, size, type } = header;
  if (path === "" || path.includes("\0") || linkname.includes("\0"))
    throw new StrakeError("TAR_INVALID", `a name for a tar entry is empty or holds NUL: ${quote(path)}`);
  if (type !== "directory" && path.charCodeAt(path.length - 1) === 0x2f)
    throw new StrakeError("TAR_INVALID", `the path of a ${type} ends with a slash: ${quote(path)}`);
  if (!isCount(size) || (size !== 0 && type !== "file"))
    throw new StrakeError("TAR_INVALID", `the size of ${quote(path)} cannot be ${size}`);
  if (!isCount(header.uid) || !isCount(header.gid) || !isCount(header.devmajor) || !isCount(header.devminor))
    throw new StrakeError("TAR_INVALID", `${quote(path)} has an owner or device number that is not one`);
  if (header.devmajor > maxOctal8 || header.devminor > maxOctal8)
    throw new StrakeError("TAR_UNSUPPORTED", `the device number of ${quote(path)} does not fit a tar header`);
  if (!isCount(header.mode) || header.mode > 0o7777)
    throw new StrakeError("TAR_INVALID", `the mode of ${quote(path)} cannot be ${header.mode}`);
  if (!Number.isSafeInteger(header.mtime) || !isCount(header.mtimeNsec) || header.mtimeNsec > 999_999_999)
    throw new StrakeError("TAR_INVALID", `the modification time of ${quote(path)} is not one`);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** What the ustar block says beside a PAX header: whatever fits it; 0 and cut-off names for the rest, as Go does. */
function withoutPax(header: EntryHeader, records: PaxRecords): EntryHeader {
  return {
    ...header,
    path: records.has("path") ? shorten(header.path, header.type) : header.path,
    linkname: records.has("linkpath") ? shorten(header.linkname, "symlink") : header.linkname,
    uname: records.has("uname") ? "" : header.uname,
    gname: records.has("gname") ? "" : header.gname,
    size: records.has("size") ? 0 : header.size,
    uid: records.has("uid") ? 0 : header.uid,
    gid: records.has("gid") ? 0 : header.gid,
    mtime: header.mtime < 0 || header.mtime > maxOctal12 ? 0 : header.mtime,
  };
}

function shorten(path: string, type: EntryType): string {
  const ascii = path.replace(/[^\x20-\x7e]/g, "_").slice(0, field.name[1] - 1);
  // A slash at the cut would turn a file into a directory for readers that know no PAX.
  return type === "directory" ? ascii : ascii.replace(/\/+$/, "_");
}
