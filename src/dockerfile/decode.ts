import { StrakeError } from "../errors/index.ts";
import { limits } from "./limits.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a Dockerfile or ignore file without its byte order mark. Bytes that are not UTF-8 become lone surrogates
 * U+DC80..U+DCFF, as everywhere in this project, so that a file name in Latin-1 still names that file.
 * Throws `DOCKERFILE_LIMIT` when the file is too large.
 */
export function decodeFile(input: string | Uint8Array, file: string): string {
  if (input.length > limits.fileBytes)
    throw new StrakeError("DOCKERFILE_LIMIT", `${file} is larger than ${limits.fileBytes} bytes`);
  const text = typeof input === "string" ? input : decodeBytes(input);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function decodeBytes(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

function decodeEscaped(bytes: Uint8Array): string {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) {
      if (start < i) parts.push(strictUtf8.decode(bytes.subarray(start, i)));
      parts.push(String.fromCharCode(0xdc00 | bytes[i]!));
      start = ++i;
    } else i += length;
  }
  if (start < bytes.length) parts.push(strictUtf8.decode(bytes.subarray(start)));
  return parts.join("");
}

/** Bytes of the valid UTF-8 sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || first > 0xf4 || at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  // Overlong forms, surrogates and code points past U+10FFFF (RFC 3629 section 4).
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}
