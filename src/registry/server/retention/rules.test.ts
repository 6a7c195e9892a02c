import { expect, test } from "bun:test";
import { type DatedTag, expiredTags, type RetentionRule } from "./rules.ts";

const day = 24 * 3600 * 1000;
const now = 100 * day;
const tagsOf = (ages: Record<string, number>): DatedTag[] =>
  Object.entries(ages).map(([tag, days]) => ({ tag, pushedAt: now - days * day }));
const tags = tagsOf({ latest: 1, v1: 90, v2: 50, v3: 2, "pr-1": 30, "pr-2": 3, "pr-3": 1 });
const expired = (rules: RetentionRule[], repository = "team/app", of = tags) =>
  expiredTags(repository, of, { rules, now });

test("keeps the newest, or the young, or what any rule keeps", () => {
  expect(expired([{ keepLast: 3 }])).toEqual(["v1", "v2", "pr-1", "pr-2"]);
  expect(expired([{ keepWithin: 40 * day }])).toEqual(["v1", "v2"]);
  expect(expired([{ tags: "pr-*", keepLast: 1 }])).toEqual(["pr-1", "pr-2"]);
  expect(expired([{ tags: "pr-*", keepLast: 1, keepWithin: 7 * day }])).toEqual(["pr-1"]);
  expect(expired([{ keepLast: 0 }, { tags: "{v*,latest}", keepLast: 100 }])).toEqual([
    "pr-1",
    "pr-2",
    "pr-3",
  ]);
  expect(expired([])).toEqual([]);
});

test("a rule is about the repositories of its glob", () => {
  const rules = [{ repositories: "team/*", keepLast: 0 }];
  expect(expired(rules, "team/app")).toHaveLength(7);
  expect(expired(rules, "team/app/cache")).toEqual([]);
  expect(expired(rules, "other")).toEqual([]);
  expect(expired([{ repositories: "team/**", keepLast: 0 }], "team/app/cache")).toHaveLength(7);
  // As in policies: `**` and a slash is at least one component.
  expect(expired([{ repositories: "**/app", keepLast: 0 }], "team/app")).toHaveLength(7);
  expect(expired([{ repositories: "**/app", keepLast: 0 }], "app")).toEqual([]);
});

test("tags of signatures are no images of their own", () => {
  const signature = `sha256-${"a".repeat(64)}.sig`;
  const signed = tagsOf({ [signature]: 90, v1: 80 });
  expect(expired([{ keepLast: 0 }], "a", signed)).toEqual(["v1"]);
  expect(expired([{ tags: "sha256-*", keepLast: 0 }], "a", signed)).toEqual([signature]);
});
