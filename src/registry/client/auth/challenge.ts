export interface Challenge {
  /** In lowercase: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lowercase. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer headers are not looked at. */
const headerLimit = 16 << 10;

/** The challenges of a WWW-Authenticate header (RFC 9110, 11.6.1), several in one header too. */
export function parseChallenges(header: string | undefined): Challenge[] {
  if (header === undefined || header.length > headerLimit) return [];
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
  const quoted = /"((?:[^"\\]|\\.)*)"/y;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  while (at < header.length) {
    take(/[\s,]+/y);
    const name = take(token)?.[0];
    if (name === undefined) break;
    if (take(/\s*=\s*/y)) {
      const value = take(quoted)?.[1]?.replace(/\\(.)/g, "$1") ?? take(token)?.[0] ?? "";
      const last = found.at(-1);
      if (last) last.parameters[name.toLowerCase()] = value;
    } else found.push({ scheme: name.toLowerCase(), parameters: {} });
  }
  return found;
}
