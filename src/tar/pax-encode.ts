import { StrakeError } from "../errors/index.ts";
import { field } from "./block.ts";
import { maxOctal8, maxOctal12 } from "./encoder.ts";
import type { EntryHeader } from "./entry.ts";
import { formatTime } from "./number.ts";
import { encodePath, isAscii, quote } from "./path.ts";

/** Keyword to value; a keyword is bytes that need no `=`, in the form of a path string. */
export type PaxRecords = Map<string, string | Uint8Array>;

/** What of a header does not fit a ustar block; undefined when everything does, which is the common case. */
export function paxRecordsOf(header: EntryHeader): PaxRecords | undefined {
  let records: PaxRecords | undefined;
  const add = (key: string, value: string | Uint8Array) => {
    records ??= new Map();
    records.set(key, value);
  };
  let binary = false;
  const addName = (key: string, value: string) => {
    binary ||= !value.isWellFormed();
    add(key, value);
  };
  if (!pathFits(header.path)) addName("path", header.path);
  if (header.linkname !== "" && !nameFits(header.linkname, field.linkname[1]))
    addName("linkpath", header.linkname);
  // One byte less than the field: some readers want the NUL.
  if (header.uname !== "" && !nameFits(header.uname, 31)) addName("uname", header.uname);
  if (header.gname !== "" && !nameFits(header.gname, 31)) addName("gname", header.gname);
  if (header.size > maxOctal12) add("size", String(header.size));
  if (header.uid > maxOctal8) add("uid", String(header.uid));
  if (header.gid > maxOctal8) add("gid", String(header.gid));
  if (header.mtime < 0 || header.mtime > maxOctal12 || header.mtimeNsec !== 0)
    add("mtime", formatTime(header.mtime, header.mtimeNsec));
  if (header.xattrs)
    for (const [name, value] of header.xattrs) {
      if (name === "" || name.includes("=") || name.includes("\0"))
        throw new StrakeError(
          "TAR_UNSUPPORTED",
          `the extended attribute ${quote(name)} has a name that PAX cannot say`,
        );
      add(`SCHILY.xattr.${name}`, value);
    }
  // POSIX: values are UTF-8 unless hdrcharset says BINARY.
  if (binary) add("hdrcharset", "BINARY");
  return records;
}

/** The body of a PAX header: records in the order of their keywords' bytes, hdrcharset first as it governs the rest. */
export function encodePax(records: PaxRecords): Uint8Array {
  const lines = [...records].map(([key, value]) => {
    const keyBytes = Buffer.from(encodePath(key));
    return { key, keyBytes, value: typeof value === "string" ? encodePath(value) : value };
  });
  lines.sort((a, b) => rank(a.key) - rank(b.key) || Buffer.compare(a.keyBytes, b.keyBytes));
  return Buffer.concat(lines.flatMap(({ keyBytes, value }) => encodeRecord(keyBytes, value)));
}

function rank(key: string): number {
  return key === "hdrcharset" ? 0 : 1;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits. */
function encodeRecord(key: Uint8Array, value: Uint8Array): Uint8Array[] {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return [Buffer.from(`${length} `, "latin1"), key, Buffer.from("="), value, Buffer.from("\n")];
}

/** A name goes into a header field as it is when it is ASCII; others mean different things to different readers. */
function nameFits(name: string, length: number): boolean {
  return name.length <= length && isAscii(name);
}

function pathFits(path: string): boolean {
  if (path.length <= field.name[1]) return isAscii(path);
  return splitPath(path) > 0 && isAscii(path);
}

/** Index of the slash at which a path of more than 100 bytes is cut into ustar's prefix and name, or -1. */
export function splitPath(path: string): number {
  const [, nameLength] = field.name;
  const [, prefixLength] = field.prefix;
  if (path.length > prefixLength + 1 + nameLength) return -1;
  // Of all slashes that fit the rightmost; not the final one of a directory, which would leave an empty name.
  const cut = path.lastIndexOf("/", Math.min(prefixLength, path.length - 2));
  return cut > 0 && path.length - cut - 1 <= nameLength ? cut : -1;
}
