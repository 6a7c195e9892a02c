import { mediaTypes } from "../../../../oci/index.ts";
import { expectBlob, pushBlob } from "./blob-ways.ts";
import { same } from "./claims.ts";
import type { Content } from "./content.ts";
import { type Algorithm, expectDigest, locationOf, type Peer } from "./peer.ts";

/** One of the manifests of some content. */
export type Pushed = Content["manifests"][number];

export const repository = "checks/content";
export const manifestPath = (reference: string, name = repository) => `/v2/${name}/manifests/${reference}`;

/** As clients send it that take both kinds. */
export const accept: [string, string][] = [
  ["Accept", mediaTypes.ociIndex],
  ["Accept", mediaTypes.ociManifest],
];

export async function putManifest(
  peer: Peer,
  reference: string,
  { body, mediaType, digest }: Pushed,
  {
    tags = [],
    as = body,
  }: { readonly tags?: readonly string[]; readonly as?: string | ReadableStream<Uint8Array> } = {},
): Promise<Response> {
  const put = await peer.expect([201], manifestPath(reference), {
    ...{ method: "PUT", body: as, query: { tag: [...tags] } },
    headers: { "Content-Type": mediaType },
  });
  same("the body of an answer 201", await put.text(), "");
  expectDigest(put, digest);
  const { subject } = JSON.parse(body) as { subject?: { digest: string } };
  if (subject) same("OCI-Subject", put.headers.get("oci-subject"), subject.digest);
  await expectManifest(peer, locationOf(put), { body, mediaType, digest });
  return put;
}

/** HEAD and GET of a manifest that is there. */
async function expectManifest(peer: Peer, path: string, { body, mediaType, digest }: Pushed): Promise<void> {
  for (const method of ["HEAD", "GET"]) {
    const got = await peer.expect([200], path, { method, headers: accept });
    same(`Content-Type (${method})`, got.headers.get("content-type"), mediaType);
    same(`Content-Length (${method})`, got.headers.get("content-length"), String(Buffer.byteLength(body)));
    expectDigest(got, digest);
    same(`the manifest (${method})`, await got.text(), method === "HEAD" ? "" : body);
  }
}

/** Blobs first, then manifests by digest, then tags: as parameters of the push by digest, or pushed one by one. */
export async function pushContent(peer: Peer, content: Content, parameters = false): Promise<void> {
  for (const [digest, bytes] of content.blobs) await pushBlob(peer, { repository, content: bytes, digest });
  for (const manifest of content.manifests) {
    const tags = [...content.tags].filter(([, digest]) => digest === manifest.digest).map(([tag]) => tag);
    const put = await putManifest(peer, manifest.digest, manifest, { tags: parameters ? tags : [] });
    if (parameters) same("OCI-Tag", put.headers.get("oci-tag")?.split(/, */) ?? [], tags);
  }
  if (parameters) return;
  for (const [tag, digest] of content.tags)
    await putManifest(peer, tag, content.manifests.find((manifest) => manifest.digest === digest)!);
}

/** Everything can be pulled: by tag, by digest, and every blob. */
export async function expectPulled(peer: Peer, content: Content): Promise<void> {
  for (const manifest of content.manifests) {
    for (const [tag, digest] of content.tags)
      if (digest === manifest.digest) await expectManifest(peer, manifestPath(tag), manifest);
    await expectManifest(peer, manifestPath(manifest.digest), manifest);
  }
  for (const [digest, bytes] of content.blobs)
    await expectBlob(peer, repository, bytes, digest.slice(0, 6) as Algorithm);
}
