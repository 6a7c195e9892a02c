import { mediaTypes } from "../../../../oci/index.ts";
import { same } from "./claims.ts";
import type { Content } from "./content.ts";
import { repository } from "./content-steps.ts";
import type { Peer } from "./peer.ts";

type Entry = Readonly<Record<string, unknown>>;

/** What is listed about a subject: an index, whatever there is. */
export async function referrersOf(
  peer: Peer,
  subject: string,
  query: Record<string, string> = {},
  name = repository,
): Promise<{ readonly manifests: readonly Entry[]; readonly response: Response }> {
  const response = await peer.expect([200], `/v2/${name}/referrers/${subject}`, { query });
  same("the type of a list of referrers", response.headers.get("content-type"), mediaTypes.ociIndex);
  const index = (await response.json()) as { schemaVersion: number; mediaType: string; manifests: Entry[] };
  same(
    "schemaVersion and mediaType of a list of referrers",
    [index.schemaVersion, index.mediaType],
    [2, mediaTypes.ociIndex],
  );
  return { manifests: index.manifests, response };
}

/** Entries with their members, and themselves, in an order of their own: the specification gives none. */
const inOrder = (entries: readonly Entry[]) =>
  entries.map((entry) => JSON.stringify(Object.fromEntries(Object.entries(entry).sort()))).sort();

/** Each subject lists what is about it and nothing else, whole and by artifact type. */
export async function expectReferrers(peer: Peer, content: Content): Promise<void> {
  for (const [subject, listed] of content.referrers) {
    same("the referrers", inOrder((await referrersOf(peer, subject)).manifests), inOrder(listed));
    for (const artifactType of new Set(listed.map((entry) => entry.artifactType as string))) {
      const { manifests, response } = await referrersOf(peer, subject, { artifactType });
      const filters = (response.headers.get("oci-filters-applied") ?? "").split(/, */);
      same("OCI-Filters-Applied", filters, ["artifactType"]);
      const wanted = listed.filter((entry) => entry.artifactType === artifactType);
      same(`the referrers of type ${artifactType}`, inOrder(manifests), inOrder(wanted));
    }
    const none = await referrersOf(peer, subject, { artifactType: "application/x-nobody" });
    same("the referrers of a type nobody has", none.manifests, []);
  }
}
