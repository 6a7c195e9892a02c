/** How expansion asks for a variable; undefined means it is not set. */
export type Lookup = (name: string) => string | undefined;

/** What may stand for an environment wherever words are expanded. */
export type Variables = Lookup | ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/**
 * A lookup over any of the accepted shapes. With `windows`, names are compared without regard to case, as
 * environment variables are there.
 */
export function toLookup(variables: Variables, windows = false): Lookup {
  if (typeof variables === "function") return variables;
  const map = isMap(variables) ? variables : new Map(Object.entries(variables));
  if (!windows) return (name) => map.get(name);
  const folded = new Map([...map].map(([name, value]) => [name.toUpperCase(), value]));
  return (name) => folded.get(name.toUpperCase());
}

function isMap(variables: Variables): variables is ReadonlyMap<string, string> {
  return variables instanceof Map;
}
