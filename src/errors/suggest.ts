/**
 * The candidate that a person most likely meant by `word` (letters' case ignored), or undefined when none is near enough
 * for a "did you mean": two slips, or a third of a long word, and always fewer than half of the letters, because short
 * words are near everything.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  let found: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= best) continue;
    const edits = editDistance(wanted, candidate.toLowerCase());
    const longer = Math.max(wanted.length, candidate.length);
    if (edits < best && edits * 2 < longer && candidate !== word) {
      best = edits;
      found = candidate;
    }
  }
  return found;
}

/**
 * Up to `count` candidates that a person may have meant by `word`, the likeliest first: those with few slips, then those it is the beginning
 * or, in paths, the last part of (`1.2` for `1.2.7`, `app` for `team/app`), and the other way round.
 */
export function nearby(word: string, candidates: Iterable<string>, count: number): string[] {
  const wanted = word.toLowerCase();
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  const found: { candidate: string; edits: number }[] = [];
  for (const candidate of candidates) {
    if (candidate === word) continue;
    const other = candidate.toLowerCase();
    const longer = Math.max(wanted.length, other.length);
    const isPart =
      other.startsWith(wanted) ||
      wanted.startsWith(other) ||
      isLastPart(wanted, other) ||
      isLastPart(other, wanted);
    const edits = Math.abs(wanted.length - other.length) > limit ? longer : editDistance(wanted, other);
    if (edits <= limit && edits * 2 < longer) found.push({ candidate, edits });
    else if (isPart) found.push({ candidate, edits: limit + Math.abs(wanted.length - other.length) });
  }
  // Equally near ones stay as they came.
  found.sort((a, b) => a.edits - b.edits);
  return found.slice(0, count).map(({ candidate }) => candidate);
}

function isLastPart(part: string, path: string): boolean {
  return path.endsWith(`/${part}`);
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates);
  return found === undefined ? "" : ` (did you mean ${found}?)`;
}

/** Edits between two words: insert, delete, replace, or swap two neighbours. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(previous[j]! + 1, row[j - 1]! + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, beforePrevious[j - 2]! + 1);
      row.push(edits);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
