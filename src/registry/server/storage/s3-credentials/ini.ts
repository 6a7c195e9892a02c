/** Settings by the names of sections, in lowercase; the names as they are written. */
export type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * AWS's shared files (SDKs and Tools Reference Guide, "Shared config and credentials files"): `#` and `;` begin a comment at a line's beginning and
 * behind a space; what is indented below a setting without a value is part of that and left out. What is malformed is passed over: a
 * message about it would quote a secret.
 */
export function parseINI(text: string): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let isNested = false;
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    const plain = line.replace(/(?:^|\s)[#;].*$/, "").trimEnd();
    if (plain.trim() === "") continue;
    const header = /^\[([^\]]+)\]$/.exec(plain.trim())?.[1];
    if (header !== undefined) {
      const name = header.trim();
      section = sections.get(name) ?? new Map();
      sections.set(name, section);
      isNested = false;
      continue;
    }
    const isIndented = /^\s/.test(plain);
    const at = plain.indexOf("=");
    if (!section || at < 1 || (isIndented && isNested)) continue;
    const [key, value] = [plain.slice(0, at).trim().toLowerCase(), plain.slice(at + 1).trim()];
    section.set(key, value);
    isNested = value === "";
  }
  return sections;
}
