import { isKey } from "./key.ts";
import type { S3Client } from "./s3-client.ts";
import { destinationsPrefix, uploadsPrefix } from "./s3-upload.ts";

/**
 * Ids of the uploads that nobody has touched since `before`. Also of those that have no state: whoever is killed may leave a tail that was
 * replaced, or a multipart upload that no state names yet, which S3 keeps (and charges for) without end.
 */
export async function staleUploads(client: S3Client, before: number): Promise<string[]> {
  const touched = new Map<string, number>();
  const withState = new Set<string>();
  for (let after: string | undefined; ; ) {
    const page = await client.list(uploadsPrefix, { after, limit: 1000 });
    for (const { key, modified } of page) {
      const id = idOf(key);
      if (withState.has(id)) continue;
      if (key.endsWith("/state")) withState.add(id);
      touched.set(id, key.endsWith("/state") ? modified : Math.max(modified, touched.get(id) ?? 0));
    }
    after = page.at(-1)?.key;
    if (page.length < 1000) break;
  }
  for await (const { key, begun } of client.multiparts(uploadsPrefix)) {
    const id = idOf(key);
    if (!withState.has(id)) touched.set(id, Math.max(begun, touched.get(id) ?? 0));
  }
  return [...touched].filter(([, when]) => when < before).map(([id]) => id);
}

/** Multipart uploads to a blob's own key that nobody completed: they have no state, and end with the request that began them. */
export async function staleParts(client: S3Client, before: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, uploadId, begun } of client.multiparts(destinationsPrefix))
    if (begun > 0 && begun < before) found.push(`${key} ${uploadId}`);
  return found;
}

/** Drops one of them. Idempotent. */
export async function dropParts(client: S3Client, name: string): Promise<void> {
  const [key, uploadId] = name.split(" ", 2) as [string, string | undefined];
  if (uploadId === undefined || !key.startsWith(destinationsPrefix) || !isKey(key)) return;
  await client.request("DELETE", key, { query: { uploadId }, accept: [404] });
}

/** Removes every piece of an upload that has no state. */
export async function dropLeftovers(client: S3Client, id: string): Promise<void> {
  const prefix = `${uploadsPrefix}${id}/`;
  for await (const { key, uploadId } of client.multiparts(prefix))
    await client.request("DELETE", key, { query: { uploadId }, accept: [404] });
  for (const { key } of await client.list(prefix, { limit: 1000 }))
    await client.request("DELETE", key, { accept: [404] });
}

function idOf(key: string): string {
  return key.slice(uploadsPrefix.length).split("/", 1)[0]!;
}
