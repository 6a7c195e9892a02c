import { StrakeError } from "../errors/index.ts";
import type { SparseExtent } from "./entry.ts";
import type { TarLimits } from "./limits.ts";
import { parseDecimal, parseTime, type Time } from "./number.ts";
import { decodePath, quote } from "./path.ts";
import { parseSparseList, tooMany } from "./sparse.ts";

/** What `GNU.sparse.*` records say (versions 0.0, 0.1 and 1.0). */
export interface PaxSparse {
  major?: number;
  minor?: number;
  name?: string;
  /** `GNU.sparse.size` (0.x) or `GNU.sparse.realsize` (1.0). */
  size?: number;
  map?: SparseExtent[];
  /** An offset record whose numbytes record has not come yet. */
  pendingOffset?: number;
}

/** The records of a PAX header that matter here. `null`: the record is there and empty, which takes it back. */
export interface PaxFields {
  path?: string | null;
  linkpath?: string | null;
  uname?: string | null;
  gname?: string | null;
  size?: number | null;
  uid?: number | null;
  gid?: number | null;
  mtime?: Time | null;
  xattrs?: Map<string, Uint8Array>;
  /** From `LIBARCHIVE.xattr.*`: only for names that no `SCHILY.xattr.*` record gives. */
  libarchiveXattrs?: Map<string, Uint8Array>;
  sparse?: PaxSparse;
}

const schilyXattr = "SCHILY.xattr.";
const libarchiveXattr = "LIBARCHIVE.xattr.";

/**
 * Parses the body of a PAX extended header: records `LENGTH KEY=VALUE\n`, LENGTH being the whole record's
 * (POSIX.1-2017, pax, "pax Extended Header"). Throws `TAR_INVALID` for a length that lies, NUL in a name or key, and
 * values that are not what their key asks for.
 */
export function parsePax(body: Uint8Array, limits: Required<TarLimits>): PaxFields {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const fields: PaxFields = {};
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(0x20, at);
    if (space < 0 || space - at > 10) throw invalid("a record has no length");
    const length = parseDecimal(text.toString("latin1", at, space), "the length of a PAX record");
    const end = at + length;
    if (end > text.length || end <= space + 1) throw invalid("the length of a record lies");
    if (text[end - 1] !== 0x0a) throw invalid("a record does not end with a newline");
    const equals = text.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end - 1) throw invalid("a record has no =");
    const key = text.toString("latin1", space + 1, equals);
    if (key === "" || key.includes("\0")) throw invalid("a record's keyword is empty or holds NUL");
    setField(fields, key, text.subarray(equals + 1, end - 1), limits);
    at = end;
  }
  if (fields.sparse?.pendingOffset !== undefined)
    throw invalid("GNU.sparse.offset without GNU.sparse.numbytes");
  return fields;
}

function setField(fields: PaxFields, key: string, value: Buffer, limits: Required<TarLimits>): void {
  switch (key) {
    case "path":
    case "linkpath":
    case "uname":
    case "gname":
      fields[key] = value.length === 0 ? null : parseName(key, value);
      return;
    case "size":
    case "uid":
    case "gid":
      fields[key] =
        value.length === 0 ? null : parseDecimal(value.toString("latin1"), `the PAX record ${key}`);
      return;
    case "mtime":
      fields.mtime = value.length === 0 ? null : parseTime(value.toString("latin1"), "the PAX record mtime");
      return;
    case "hdrcharset":
      // BINARY and UTF-8 are the only two POSIX names. Names are bytes here, so both are read alike.
      if (!["", "BINARY", "ISO-IR 10646 2000 UTF-8"].includes(value.toString("latin1")))
        throw new StrakeError(
          "TAR_UNSUPPORTED",
          `a PAX header is in the character set ${quote(value.toString("latin1"))}`,
        );
      return;
  }
  if (key.startsWith(schilyXattr)) {
    const name = decodePath(Buffer.from(key.slice(schilyXattr.length), "latin1"));
    fields.xattrs ??= new Map();
    fields.xattrs.set(name, new Uint8Array(value));
  } else if (key.startsWith(libarchiveXattr)) {
    fields.libarchiveXattrs ??= new Map();
    fields.libarchiveXattrs.set(
      decodePath(percentDecode(key.slice(libarchiveXattr.length))),
      new Uint8Array(Buffer.from(value.toString("latin1"), "base64")),
    );
  } else if (key.startsWith("GNU.sparse.")) {
    fields.sparse ??= {};
    setSparse(fields.sparse, key.slice("GNU.sparse.".length), value, limits);
  }
}

function setSparse(sparse: PaxSparse, key: string, value: Buffer, limits: Required<TarLimits>): void {
  const what = `the PAX record GNU.sparse.${key}`;
  switch (key) {
    case "name":
      sparse.name = parseName(what, value);
      return;
    case "major":
    case "minor":
      sparse[key] = parseDecimal(value.toString("latin1"), what);
      return;
    case "size":
    case "realsize":
      sparse.size = parseDecimal(value.toString("latin1"), what);
      return;
    case "map":
      sparse.map = parseSparseList(value.toString("latin1"), limits.sparseExtents);
      return;
    case "offset":
      if (sparse.pendingOffset !== undefined) throw invalid("two GNU.sparse.offset records in a row");
      sparse.pendingOffset = parseDecimal(value.toString("latin1"), what);
      return;
    case "numbytes":
      if (sparse.pendingOffset === undefined) throw invalid("GNU.sparse.numbytes without GNU.sparse.offset");
      sparse.map ??= [];
      if (sparse.map.length >= limits.sparseExtents) throw tooMany(limits.sparseExtents);
      sparse.map.push({ offset: sparse.pendingOffset, length: parseDecimal(value.toString("latin1"), what) });
      delete sparse.pendingOffset;
      return;
  }
}

/** A NUL would end the name for one reader and not for the next. */
function parseName(what: string, value: Buffer): string {
  if (value.includes(0)) throw invalid(`the value of ${what} holds NUL`);
  return decodePath(value);
}

function percentDecode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === "%" ? /^[0-9A-Fa-f]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    bytes.push(hex ? Number.parseInt(hex[0], 16) : text.charCodeAt(i));
    if (hex) i += 2;
  }
  return Uint8Array.from(bytes);
}

/**
 * Folds a global header into the ones before it. Names, sizes and sparse maps belong to one entry; a global one is
 * ignored by some readers and obeyed by others, so it is refused. Throws `TAR_INVALID`.
 */
export function mergeGlobal(before: PaxFields, header: PaxFields): PaxFields {
  for (const key of ["path", "linkpath", "size", "sparse"] as const)
    if (header[key] !== undefined && header[key] !== null)
      throw invalid(`a global header sets ${key} for every entry that follows`);
  const xattrs = mergeMaps(before.xattrs, header.xattrs);
  const libarchiveXattrs = mergeMaps(before.libarchiveXattrs, header.libarchiveXattrs);
  return { ...before, ...header, ...(xattrs && { xattrs }), ...(libarchiveXattrs && { libarchiveXattrs }) };
}

/** All extended attributes that apply to an entry, local over global, SCHILY over LIBARCHIVE. */
export function collectXattrs(
  global: PaxFields,
  local: PaxFields,
): ReadonlyMap<string, Uint8Array> | undefined {
  return mergeMaps(
    mergeMaps(global.libarchiveXattrs, local.libarchiveXattrs),
    mergeMaps(global.xattrs, local.xattrs),
  );
}

function mergeMaps<V>(
  below: Map<string, V> | undefined,
  above: Map<string, V> | undefined,
): Map<string, V> | undefined {
  if (!below || below.size === 0) return above;
  if (!above || above.size === 0) return below;
  return new Map([...below, ...above]);
}

function invalid(problem: string): StrakeError {
  return new StrakeError("TAR_INVALID", `a PAX header is malformed: ${problem}`);
}
