import { StrakeError } from "../../errors/index.ts";
import { type Digest, isTag } from "../../oci/index.ts";
import { isKnown } from "./catalog.ts";
import type { Call, Core } from "./core.ts";
import { keysUnder } from "./gc/walk.ts";
import { taggedPrefix, tagKey, tagsPrefix } from "./layout.ts";
import { pageResponse, parsePage } from "./protocol/page.ts";
import { Refusal } from "./protocol/refusal.ts";
import { type Counted, deleteCounted, putNewCounted } from "./quota/counted.ts";
import { encodeRecord, readRecord, type TagRecord } from "./records.ts";
import { objectChanged } from "./storage/fault.ts";

/** Races for one tag lost in a row before a push gives up. */
const attempts = 20;

/** What a tag points to; undefined when there is no such tag. */
export async function resolveTag(core: Core, repository: string, tag: string): Promise<Digest | undefined> {
  // A malformed tag cannot exist: asking for it is no error of its own.
  if (!isTag(tag)) return undefined;
  const { generation } = core.cache;
  const record = await readRecord<TagRecord>(core.objects, tagKey(repository, tag));
  if (record) core.cache.rememberTag(generation, { repository, tag }, record.value.digest);
  return record?.value.digest;
}

/**
 * Notes that a tag is about to point to a manifest, so that {@link tagsOf} finds it without reading every tag. Written
 * before the tag, it is there whenever the tag is; a note that is not true any more is taken by a collection.
 */
export async function noteTag(core: Core, repository: string, tag: string, digest: Digest): Promise<void> {
  // The nonce makes every note another version, also where the version is a hash of the content.
  const note = encodeRecord({ at: Date.now(), nonce: crypto.randomUUID() });
  await core.objects.put(taggedPrefix(repository, digest) + tag, note);
}

/** A tag, as quotas count it. */
export function countedTag(repository: string, tag: string): Counted {
  return { repository, key: tagKey(repository, tag), amount: () => ({ tags: 1 }) };
}

/** Points a tag to a manifest. Throws DENIED beyond a quota. */
export async function moveTag(core: Core, repository: string, tag: string, target: TagRecord): Promise<void> {
  await noteTag(core, repository, tag, target.digest);
  await moveNotedTag(core, repository, tag, target);
}

/** The same after {@link noteTag}. What `admit` was told the tag is, is what it still is when it is written. */
export async function moveNotedTag(
  core: Core,
  repository: string,
  tag: string,
  target: TagRecord,
): Promise<void> {
  const key = tagKey(repository, tag);
  for (let attempt = 1; ; attempt++) {
    const current = await readRecord<TagRecord>(core.objects, key);
    await core.admit({ kind: "tag", repository, tag, from: current?.value.digest, to: target.digest });
    core.cache.forget(repository, tag);
    try {
      const bytes = encodeRecord(target);
      if (current) await core.objects.put(key, bytes, { ifMatch: current.etag });
      else if (!(await putNewCounted(core, countedTag(repository, tag), bytes))) throw objectChanged(key);
      return;
    } catch (error) {
      if (!(error instanceof StrakeError && error.code === "OBJECT_CHANGED") || attempt === attempts)
        throw error;
    } finally {
      core.cache.forget(repository, tag);
    }
  }
}

/**
 * Removes a tag and says what it pointed to; undefined when there is none. With `only`, a tag that points elsewhere by
 * now is left alone.
 */
export async function deleteTag(
  core: Core,
  repository: string,
  tag: string,
  only?: Digest,
): Promise<Digest | undefined> {
  const key = tagKey(repository, tag);
  for (let attempt = 1; ; attempt++) {
    const current = await readRecord<TagRecord>(core.objects, key);
    if (!current || (only !== undefined && current.value.digest !== only)) return undefined;
    await core.admit({ kind: "tag", repository, tag, from: current.value.digest });
    core.cache.forget(repository, tag);
    try {
      await deleteCounted(core, countedTag(repository, tag), { etag: current.etag });
      return current.value.digest;
    } catch (error) {
      if (!(error instanceof StrakeError && error.code === "OBJECT_CHANGED") || attempt === attempts)
        throw error;
    } finally {
      core.cache.forget(repository, tag);
    }
  }
}

/** Every tag that points to a manifest. Costs a read for each tag that does or did, however many others there are. */
export async function tagsOf(core: Core, repository: string, digest: Digest): Promise<string[]> {
  const prefix = taggedPrefix(repository, digest);
  const tags: string[] = [];
  for await (const key of keysUnder(core.objects, prefix)) {
    const tag = key.slice(prefix.length);
    if ((await resolveTag(core, repository, tag)) === digest) tags.push(tag);
  }
  return tags;
}

/** GET .../tags/list, in byte order. */
export async function listTags(call: Call, repository: string): Promise<Response> {
  const { size, last } = parsePage(call.query);
  const prefix = tagsPrefix(repository);
  // One more than asked for says whether there is a next page. What is no tag sorts nowhere.
  const after = isTag(last) ? prefix + last : undefined;
  const keys = await call.core.objects.list(prefix, { after, limit: size + 1 });
  if (keys.length === 0 && !(await isKnown(call.core, repository)))
    throw new Refusal("NAME_UNKNOWN", "there is no such repository", { detail: { name: repository } });
  return tagsPage(
    repository,
    keys.map((key) => key.slice(prefix.length)),
    size,
  );
}

/** A page of at most `size` tags; that there are more says whether another page follows. */
export function tagsPage(repository: string, found: readonly string[], size: number): Response {
  const tags = found.slice(0, size);
  const more = size > 0 && found.length > size;
  const next = more && {
    path: `/v2/${repository}/tags/list`,
    query: { n: String(size), last: tags.at(-1)! },
  };
  return pageResponse({ name: repository, tags }, next || undefined);
}
