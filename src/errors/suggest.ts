/** Levenshtein distance of two words. */
export function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** The candidate that a person most likely meant by `word`, or undefined when none is near. Case is not told apart. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  // Two slips (a swapped pair is two) in all but the shortest words, a third of a long one.
  let best = (lower.length < 4 ? 1 : Math.max(2, Math.floor(lower.length / 3))) + 1;
  let found: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - lower.length) >= best) continue;
    const steps = distance(lower, candidate.toLowerCase());
    if (steps < best && candidate !== word) {
      best = steps;
      found = candidate;
    }
  }
  return found;
}
