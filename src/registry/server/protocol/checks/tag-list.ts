import { holds, same } from "./claims.ts";
import type { Content } from "./content.ts";
import { repository } from "./content-steps.ts";
import type { Peer } from "./peer.ts";

/** A page of tags, and where the next one is. */
export async function tagsOf(
  peer: Peer,
  query: Record<string, string> = {},
  name = repository,
): Promise<{ readonly tags: string[]; readonly next: string | undefined }> {
  const response = await peer.expect([200], `/v2/${name}/tags/list`, { query });
  const list = (await response.json()) as { name: string; tags: string[] | null };
  same("the name in a list of tags", list.name, peer.nameOf(name));
  const link = response.headers.get("link");
  const next = link === null ? undefined : /^<([^>]+)>; *rel="?next"?$/.exec(link)?.[1];
  holds(`the Link is ${link}`, link === null || next !== undefined);
  return { tags: list.tags ?? [], next };
}

/** The tags of some content are listed. */
export async function expectListed(peer: Peer, content: Content): Promise<void> {
  if (content.tags.size === 0) return;
  const { tags } = await tagsOf(peer);
  for (const tag of content.tags.keys()) holds(`the tag ${tag} is not listed`, tags.includes(tag));
}
