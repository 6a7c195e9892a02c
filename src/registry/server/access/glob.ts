/**
 * A pattern over repository names or tags: `*` is anything without a slash, `**` anything at all, `?` one character that
 * is no slash. Takes time linear in the name for every pattern, so no name a client sends can make it slow.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  if (pattern === "**") return () => true;
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  const below = pattern.slice(0, -2);
  if (pattern.endsWith("/**") && !/[*?]/.test(below))
    return (text) => text.length > below.length && text.startsWith(below);

  const tokens = pattern.match(/\*{2,}|[\s\S]/g)!.map((token) => (token.length > 1 ? "**" : token));
  return (text) => {
    let states = skipStars(tokens, new Set([0]));
    for (const character of text) {
      const next = new Set<number>();
      for (const state of states) {
        const token = tokens[state];
        if (token === "**" || (token === "*" && character !== "/")) next.add(state);
        else if (token === character || (token === "?" && character !== "/")) next.add(state + 1);
      }
      if (next.size === 0) return false;
      states = skipStars(tokens, next);
    }
    return states.has(tokens.length);
  };
}

/** A star may also match nothing. Grows the set while it is walked. */
function skipStars(tokens: readonly string[], states: Set<number>): Set<number> {
  for (const state of states) if (tokens[state] === "*" || tokens[state] === "**") states.add(state + 1);
  return states;
}

export function compileGlobs(patterns: readonly string[]): (text: string) => boolean {
  const matchers = patterns.map(compileGlob);
  return (text) => matchers.some((matches) => matches(text));
}
