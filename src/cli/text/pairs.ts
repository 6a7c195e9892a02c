import { StrakeError } from "../../errors/index.ts";

/** `NAME=value` words as an object; `NAME` alone is an empty value. Errors: USAGE for a word without a name. */
export function pairs(words: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf("=");
      const name = at < 0 ? word : word.slice(0, at);
      if (name === "") throw new StrakeError("USAGE", `${flag} ${JSON.stringify(word)} has no name`);
      return [name, at < 0 ? "" : word.slice(at + 1)];
    }),
  );
}

/** `NAME=value` lines of `--filter` by name. Errors: USAGE for a name that is not in the list. */
export function filters(words: readonly string[], known: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf("=");
    const name = word.slice(0, at);
    if (at < 1 || !known.includes(name))
      throw new StrakeError("USAGE", `invalid filter ${JSON.stringify(word)}`, {
        hint: `filters are NAME=VALUE with one of ${known.join(", ")}`,
      });
    found.set(name, [...(found.get(name) ?? []), word.slice(at + 1)]);
  }
  return found;
}
