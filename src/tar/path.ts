import { StrakeError } from "../errors/index.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/**
 * File names are bytes on Linux, strings in JavaScript. Valid UTF-8 decodes as such; each byte that is not part of
 * a valid sequence becomes a lone surrogate U+DC80 to U+DCFF (as Python's surrogateescape), so `encodePath` gives
 * back the same bytes.
 */
export function decodePath(bytes: Uint8Array): string {
  let seen = 0;
  for (let i = 0; i < bytes.length; i++) seen |= bytes[i]!;
  if (seen < 0x80) return asBuffer(bytes).toString("latin1", 0, bytes.length);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

/**
 * The bytes of a path that `decodePath` made, or of any well-formed string.
 * Throws `TAR_INVALID` for surrogates that stand for nothing (a lone high one, or a low one outside U+DC80..U+DCFF).
 */
export function encodePath(path: string): Uint8Array {
  if (path.isWellFormed()) return utf8.encode(path);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (unit < 0xdc00 && isLowSurrogate(path.charCodeAt(i + 1))) {
      i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff)
      throw new StrakeError("TAR_INVALID", `a path holds the unpaired surrogate U+${unit.toString(16)}`);
    if (start < i) parts.push(utf8.encode(path.slice(start, i)));
    parts.push(Uint8Array.of(unit & 0xff));
    start = i + 1;
  }
  if (start < path.length) parts.push(utf8.encode(path.slice(start)));
  return Buffer.concat(parts);
}

/** Bytes a path takes in an archive, without encoding it when it is ASCII. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Linux's NAME_MAX: a longer component cannot be looked up. */
const nameMax = 255;

/**
 * The in-image path an archive name stands for: absolute, `/`-separated, no empty or `.` components, no trailing
 * slash (`./etc/` and `//etc` are `/etc`; `.` is `/`). Nothing is resolved against a file system.
 *
 * Throws `TAR_INVALID` for names that are empty, hold NUL, or have a `..` component: no honest layer needs one, and
 * whatever a reader makes of it another reader makes something else (CVE-2014-9356 and its many children).
 * Throws `TAR_LIMIT` for a component longer than 255 bytes.
 */
export function cleanEntryPath(path: string): string {
  if (path === "") throw new StrakeError("TAR_INVALID", "an archive entry has an empty name");
  if (path.includes("\0"))
    throw new StrakeError("TAR_INVALID", `an archive entry's name holds NUL: ${quote(path)}`);
  if (isClean(path)) return `/${path}`;
  let clean = "";
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component === "..")
      throw new StrakeError("TAR_INVALID", `an archive entry's name climbs with "..": ${quote(path)}`);
    if (component.length > nameMax / 4 && encodePath(component).length > nameMax)
      throw new StrakeError(
        "TAR_LIMIT",
        `a file name in an archive is longer than ${nameMax} bytes: ${quote(component)}`,
      );
    clean += `/${component}`;
  }
  return clean === "" ? "/" : clean;
}

/** A path as it may be printed: control characters and undecodable bytes escaped, cut at 200 characters. */
export function quote(path: string): string {
  const shown = path.length > 200 ? `${path.slice(0, 200)}...` : path;
  return JSON.stringify(shown);
}

/** The shape nearly all names have (`usr/lib/x`): short components, none of them starting with a dot, no odd slash. */
function isClean(path: string): boolean {
  let componentStart = 0;
  for (let i = 0; i <= path.length; i++) {
    const unit = i === path.length ? 0x2f : path.charCodeAt(i);
    if (unit !== 0x2f) continue;
    const length = i - componentStart;
    if (length === 0 || length > nameMax / 4 || path.charCodeAt(componentStart) === 0x2e) return false;
    componentStart = i + 1;
  }
  return true;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeEscaped(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) out += String.fromCharCode(0xdc00 | bytes[i++]!);
    else {
      out += strictUtf8.decode(bytes.subarray(i, i + length));
      i += length;
    }
  }
  return out;
}

/** Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  const second = bytes[at + 1]!;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return length;
}
