/** An entry `NAME=value` of a configuration's Env as a pair; one without `=` has an empty value. */
export function splitVariable(entry: string): [name: string, value: string] {
  const at = entry.indexOf("=");
  return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
}
