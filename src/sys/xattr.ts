import { decodePath } from "../tar/index.ts";
import { errnoName, sysError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { cPath } from "./path.ts";

/** A path, of which the last component is never followed, or an open descriptor (not O_PATH). */
export type XattrTarget = string | number;

/** Largest value and largest list of names the kernel allows (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const limit = 65536;
const buffer = new Uint8Array(limit);

/** Value of an extended attribute; undefined when the file has none of that name, or its file system has no such thing. */
export function getXattr(target: XattrTarget, name: string): Uint8Array | undefined {
  const key = cPath(name);
  const length =
    typeof target === "number"
      ? libc().fgetxattr(target, key, buffer, limit)
      : libc().lgetxattr(cPath(target), key, buffer, limit);
  if (length >= 0) return buffer.slice(0, length);
  const number = errno();
  if (isAbsence(number)) return undefined;
  throw sysError(number, { call: "getxattr", path: `${target} ${name}` });
}

/** Names of a file's extended attributes, in byte order; empty where the file system has none. */
export function listXattrs(target: XattrTarget): string[] {
  const length =
    typeof target === "number"
      ? libc().flistxattr(target, buffer, limit)
      : libc().llistxattr(cPath(target), buffer, limit);
  if (length === 0) return [];
  if (length < 0) {
    const number = errno();
    if (isAbsence(number)) return [];
    throw sysError(number, { call: "listxattr", path: String(target) });
  }
  return decodePath(buffer.subarray(0, length - 1))
    .split("\0")
    .sort();
}

/** All extended attributes of a file, names in order; undefined when it has none. */
export function readXattrs(target: XattrTarget): Map<string, Uint8Array> | undefined {
  const names = listXattrs(target);
  if (names.length === 0) return undefined;
  const values = new Map<string, Uint8Array>();
  for (const name of names) {
    const value = getXattr(target, name);
    if (value !== undefined) values.set(name, value);
  }
  return values.size === 0 ? undefined : values;
}

/** Sets an extended attribute, making or replacing it. `security.*` and `trusted.*` need root. */
export function setXattr(target: XattrTarget, name: string, value: Uint8Array): void {
  const key = cPath(name);
  // NULL with length 0 is an empty value; an empty buffer has no address of its own.
  const bytes = value.length === 0 ? null : value;
  const result =
    typeof target === "number"
      ? libc().fsetxattr(target, key, bytes, value.length, 0)
      : libc().lsetxattr(cPath(target), key, bytes, value.length, 0);
  check(result, "setxattr", `${target} ${name}`);
}

/** Removes an extended attribute. False when there was none. */
export function removeXattr(target: XattrTarget, name: string): boolean {
  const key = cPath(name);
  const result =
    typeof target === "number" ? libc().fremovexattr(target, key) : libc().lremovexattr(cPath(target), key);
  if (result === 0) return true;
  const number = errno();
  if (isAbsence(number)) return false;
  throw sysError(number, { call: "removexattr", path: `${target} ${name}` });
}

function isAbsence(number: number): boolean {
  const name = errnoName(number);
  return name === "ENODATA" || name === "EOPNOTSUPP";
}
