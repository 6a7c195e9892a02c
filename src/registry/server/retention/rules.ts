import { StrakeError } from "../../../errors/index.ts";
import { compileGlob } from "../access/glob.ts";

/** Which tags of which repositories go. At least one of `keepLast` and `keepWithin` has to be given. */
export interface RetentionRule {
  /** Pattern over repositories, as those of policies: `*` within a component, `**` across, `?`. Every one when absent. */
  readonly repositories?: string;
  /** Glob of tags. Every one when absent, but for tags that signatures and other referrers are kept under. */
  readonly tags?: string;
  /** The tags pushed last are kept, so many. */
  readonly keepLast?: number;
  /** Tags pushed within so many milliseconds are kept. */
  readonly keepWithin?: number;
}

export interface DatedTag {
  readonly tag: string;
  /** Milliseconds since the epoch. */
  readonly pushedAt: number;
}

/** `sha256-<hex>`, also with an ending such as `.sig`: the tag belongs to another manifest and has no age of its own. */
const referrerTag = /^sha(256|512)-[0-9a-f]{64,}/;

/** Throws USAGE for a rule that would keep nothing by accident. */
export function checkRules(rules: readonly RetentionRule[]): void {
  for (const { keepLast, keepWithin } of rules) {
    const given = [keepLast, keepWithin].filter((value) => value !== undefined);
    if (given.length === 0 || given.some((value) => !(value >= 0)))
      throw new StrakeError("USAGE", "a retention rule says what is kept: how many tags, or for how long", {
        hint: "keepLast: 0 keeps none",
      });
  }
}

/**
 * The tags that go: those some rule is about and no rule keeps. A tag that no rule is about stays. Of tags pushed at the
 * same time the one that sorts last counts as the newer.
 */
export function expiredTags(
  repository: string,
  tags: readonly DatedTag[],
  { rules, now }: { rules: readonly RetentionRule[]; now: number },
): string[] {
  const judged = new Set<string>();
  const kept = new Set<string>();
  for (const { repositories = "**", tags: pattern, keepLast = 0, keepWithin = 0 } of rules) {
    if (!compileGlob(repositories)(repository)) continue;
    const glob = new Bun.Glob(pattern ?? "*");
    const matching = tags
      .filter(({ tag }) => (pattern?.startsWith("sha") || !referrerTag.test(tag)) && glob.match(tag))
      .sort((a, b) => b.pushedAt - a.pushedAt || (a.tag < b.tag ? 1 : -1));
    for (const [rank, { tag, pushedAt }] of matching.entries()) {
      judged.add(tag);
      if (rank < keepLast || now - pushedAt < keepWithin) kept.add(tag);
    }
  }
  return tags.map(({ tag }) => tag).filter((tag) => judged.has(tag) && !kept.has(tag));
}
