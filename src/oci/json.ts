import { type ErrorCode, StrakeError } from "../errors/index.ts";

/** Deeper than any real document; keeps later recursive walks off the end of the stack. */
const depthLimit = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface DocumentKind {
  readonly code: ErrorCode;
  /** As messages name it: "image manifest". */
  readonly noun: string;
  /** Largest accepted size in bytes. */
  readonly limit: number;
}

/**
 * The JSON object in hostile bytes. Refuses what two parsers might read differently: invalid UTF-8, a byte order mark,
 * and an object that holds a key twice. Size is checked before anything is decoded (CVE-2020-1702, CVE-2023-25153).
 */
export function parseDocument(bytes: Uint8Array, kind: DocumentKind): Record<string, unknown> {
  if (bytes.byteLength > kind.limit)
    throw new StrakeError(
      kind.code,
      `the ${kind.noun} has ${bytes.byteLength} bytes; at most ${kind.limit} are accepted`,
    );
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new StrakeError(kind.code, `the ${kind.noun} is not JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new StrakeError(kind.code, `the ${kind.noun} is not a JSON object`);
  const fault = findStructureFault(text);
  if (fault) throw new StrakeError(kind.code, `the ${kind.noun} ${fault}`);
  return value as Record<string, unknown>;
}

/** Why valid JSON text is refused all the same, or undefined. One pass, no recursion. */
function findStructureFault(text: string): string | undefined {
  /** One entry for each open bracket: the keys seen in an object, undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: // {
      case 0x5b: // [
        expectKey = text[i] === "{";
        open.push(expectKey ? new Set() : undefined);
        if (open.length > depthLimit) return `is nested deeper than ${depthLimit} levels`;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectKey = false;
        break;
      case 0x2c: // ,
        expectKey = open.at(-1) !== undefined;
        break;
      case 0x22: {
        const end = stringEnd(text, i);
        if (expectKey) {
          const key = JSON.parse(text.slice(i, end + 1)) as string;
          const seen = open.at(-1)!;
          if (seen.has(key)) return `holds the key ${JSON.stringify(key)} twice`;
          seen.add(key);
          expectKey = false;
        }
        i = end;
        break;
      }
    }
  }
  return undefined;
}

/** Index of the quote that closes the string starting at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i;
}
