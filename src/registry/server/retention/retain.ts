import type { Digest } from "../../../oci/index.ts";
import type { Core } from "../core.ts";
import { eachOf, repositories } from "../gc/walk.ts";
import { tagKey } from "../layout.ts";
import { keepForUndo } from "../manifests.ts";
import { Refusal } from "../protocol/refusal.ts";
import { readRecord, type TagRecord } from "../records.ts";
import { deleteTag } from "../tags.ts";
import { checkRules, expiredTags, type RetentionRule } from "./rules.ts";

export interface RetentionOptions {
  /** Say which tags would go and delete none. */
  readonly dryRun?: boolean;
  /** Milliseconds since the epoch; the present when absent. */
  readonly now?: number;
  /** Ends it early, between two tags. */
  readonly signal?: AbortSignal;
}

export interface ExpiredTag {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly pushedAt: number;
}

export interface RetentionReport {
  readonly dryRun: boolean;
  readonly removed: readonly ExpiredTag[];
  /** Tags that a rule of the registry, such as immutability, keeps all the same. */
  readonly refused: readonly ExpiredTag[];
}

/**
 * Deletes the tags that no rule keeps. They can be had back from the trash; their images go with a collection of what is
 * untagged. A tag that is pushed meanwhile stays. Throws USAGE.
 */
export async function retain(
  core: Core,
  rules: readonly RetentionRule[],
  options: RetentionOptions = {},
): Promise<RetentionReport> {
  const { dryRun = false, now = Date.now(), signal } = options;
  const goOn = () => !signal?.aborted;
  checkRules(rules);
  const removed: ExpiredTag[] = [];
  const refused: ExpiredTag[] = [];
  for await (const { name: repository, tags } of repositories(core.objects)) {
    const found = new Map<string, ExpiredTag>();
    const look = async (tag: string) => {
      const record = await readRecord<TagRecord>(core.objects, tagKey(repository, tag));
      if (!record) return;
      const { digest, pushedAt } = record.value;
      found.set(tag, { repository, tag, digest, pushedAt });
    };
    if (!(await eachOf(tags, look, goOn))) break;
    for (const tag of expiredTags(repository, [...found.values()], { rules, now })) {
      if (!goOn()) break;
      const expired = found.get(tag)!;
      const outcome = dryRun ? "removed" : await remove(core, expired);
      if (outcome === "removed") removed.push(expired);
      if (outcome === "refused") refused.push(expired);
    }
  }
  return { dryRun, removed, refused };
}

async function remove(
  core: Core,
  { repository, tag, digest, pushedAt }: ExpiredTag,
): Promise<"removed" | "refused" | "changed"> {
  const record = await readRecord<TagRecord>(core.objects, tagKey(repository, tag));
  // Pushed again, perhaps to the same image: then it is young.
  if (record?.value.pushedAt !== pushedAt) return "changed";
  try {
    await core.admit({ kind: "tag", repository, tag, from: digest });
    await keepForUndo(core, repository, { digest, tags: [tag] });
    if (!(await deleteTag(core, repository, tag, digest))) return "changed";
  } catch (error) {
    if (error instanceof Refusal) return "refused";
    throw error;
  }
  core.emit({ type: "tag.deleted", repository, at: Date.now(), tag, digest });
  return "removed";
}
