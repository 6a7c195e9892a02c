import { StrakeError } from "../../../errors/index.ts";
import type { Descriptor } from "../../../oci/index.ts";
import { checkDigest } from "../blobs.ts";
import type { Call } from "../core.ts";
import { dashed } from "../layout.ts";
import { parsePage } from "../protocol/page.ts";
import { answerReferrers, listReferrers, type Referrer } from "../referrers.ts";
import { listTags, tagsPage } from "../tags.ts";
import { refuseAbsent, refused } from "./manifests.ts";
import type { CachedAnswer, PullThrough, Target } from "./pull-through.ts";
import { upstreamFailure } from "./upstream-failure.ts";

/** Tags of one repository; some have tens of thousands. */
const tagLimit = 50_000;

/** GET .../tags/list: the upstream's tags, those that are here when it cannot be asked. */
export async function listCachedTags(call: Call, proxy: PullThrough, target: Target): Promise<CachedAnswer> {
  const { repository, upstream } = target;
  const { size, last } = parsePage(call.query);
  const name = `${repository} tags`;
  const load = async () => {
    const tags: string[] = [];
    for await (const tag of (await upstream.open(repository)).tags({ signal: proxy.signal })) {
      if (tags.push(tag) > tagLimit)
        throw new StrakeError("REGISTRY_RESPONSE", `${repository} has more than ${tagLimit} tags`);
    }
    return [...new Set(tags)].sort();
  };
  const stored = () => listTags(call, repository);
  const answer = (tags: readonly string[]) =>
    tagsPage(repository, tags.slice(firstAfter(tags, last)).slice(0, size + 1), size);
  return fromUpstream(proxy, { target, name, load, stored, answer });
}

/** GET .../referrers/<digest>: the upstream's, those that are here when it cannot be asked. */
export async function listCachedReferrers(
  call: Call,
  proxy: PullThrough,
  { target, digest: text }: { readonly target: Target; readonly digest: string },
): Promise<CachedAnswer> {
  const subject = checkDigest(text);
  const { repository, upstream } = target;
  const name = `${repository} referrers ${subject}`;
  const load = async () => {
    const found = await (await upstream.open(repository)).referrers(subject, { signal: proxy.signal });
    const unique = new Map<string, Descriptor>(found.map((each) => [dashed(each.digest), each]));
    return [...unique]
      .map(([key, descriptor]) => ({ key, descriptor }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  };
  const stored = () => listReferrers(call, repository, subject);
  const answer = (found: readonly Referrer[]) =>
    answerReferrers(call, { repository, subject }, (after) => found.filter(({ key }) => key > after));
  return fromUpstream(proxy, { target, name, load, stored, answer });
}

interface List<T> {
  readonly target: Target;
  readonly name: string;
  /** Asks the upstream. */
  readonly load: () => Promise<T>;
  /** Answers with what is here. */
  readonly stored: () => Promise<Response>;
  readonly answer: (list: T) => Response | Promise<Response>;
}

async function fromUpstream<T>(
  proxy: PullThrough,
  { target, name, load, stored, answer }: List<T>,
): Promise<CachedAnswer> {
  const known = proxy.lists.get(name) as T | undefined;
  if (known) return { response: await answer(known), cache: "hit" };
  refuseAbsent(proxy, name, "NAME_UNKNOWN");
  try {
    const list = await proxy.ask(target.upstream, name, load);
    proxy.lists.set(name, list, target.upstream.ttl);
    return { response: await answer(list), cache: "miss" };
  } catch (error) {
    if (upstreamFailure(error) !== "away") throw refused(proxy, { target, name, error }, "NAME_UNKNOWN");
    return { response: await stored(), cache: "stale" };
  }
}

/** Index of the first element after `last` in byte order. */
function firstAfter(sorted: readonly string[], last: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}
