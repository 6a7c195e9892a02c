/** Indices of the stages that `target` needs, itself included. */
export function reachable(target: number, dependsOn: (index: number) => readonly number[]): Set<number> {
  const found = new Set<number>();
  const pending = [target];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    pending.push(...dependsOn(next));
  }
  return found;
}

/** The stages of a circle in order, its first one repeated at the end; undefined when there is none. */
export function findCycle(
  count: number,
  dependsOn: (index: number) => readonly number[],
): number[] | undefined {
  const done = new Set<number>();
  const visit = (index: number, path: number[]): number[] | undefined => {
    const at = path.indexOf(index);
    if (at >= 0) return [...path.slice(at), index];
    if (done.has(index)) return undefined;
    path.push(index);
    for (const next of dependsOn(index)) {
      const cycle = visit(next, path);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(index);
    return undefined;
  };
  for (let i = 0; i < count; i++) {
    const cycle = visit(i, []);
    if (cycle) return cycle;
  }
  return undefined;
}
