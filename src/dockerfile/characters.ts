/**
 * Blanks and letters as Go's `unicode` package sees them: Dockerfiles are defined by a Go program, and JavaScript's
 * `trim` differs (it takes U+FEFF and leaves U+0085).
 */
export function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x85) return false;
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** The blanks between the words of an instruction: no newline, no Unicode blanks. */
export function isWordBreak(code: number): boolean {
  return code === 0x20 || code === 0x09 || (code >= 0x0b && code <= 0x0d);
}

export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  return at;
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(text.slice(skipSpace(text, 0)));
}

const letter = /^\p{L}$/u;
const digit = /^\p{Nd}$/u;

export function isDigit(code: number): boolean {
  if (code < 0x80) return code >= 0x30 && code <= 0x39;
  return digit.test(String.fromCodePoint(code));
}

/** A letter, digit or underscore: what a variable's name is made of. */
export function isNamePart(code: number): boolean {
  if (code < 0x80)
    return (
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x41 && code <= 0x5a) ||
      (code >= 0x30 && code <= 0x39) ||
      code === 0x5f
    );
  return letter.test(String.fromCodePoint(code)) || isDigit(code);
}
