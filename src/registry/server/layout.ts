import { type Digest, digestAlgorithm, digestFromHex, digestHex } from "../../oci/index.ts";

/**
 * Where the registry's nouns are in the object store:
 *
 *     blobs/<algorithm>/<hex>                        every blob and manifest, once
 *     repos/<name>/_blobs/<algorithm>/<hex>          this blob may be read through this repository
 *     repos/<name>/_manifests/<algorithm>/<hex>      JSON: media type, size, subject
 *     repos/<name>/_tags/<tag>                       JSON: digest, media type, size, time
 *     repos/<name>/_tagged/<algorithm>/<hex>/<tag>   this tag points to the manifest, or did
 *     repos/<name>/_referrers/<subject>/<referrer>   JSON: the referrer's descriptor
 *     names/<name with ! for />                      the repository is in the catalog
 *     format                                         JSON: the version of all this
 *
 * A repository's name has no component that starts with an underscore, so nothing of one repository is inside another.
 */
const flat = (digest: Digest) => `${digestAlgorithm(digest)}/${digestHex(digest)}`;

export const blobKey = (digest: Digest) => `blobs/${flat(digest)}`;
export const blobLinksPrefix = (repository: string) => `repos/${repository}/_blobs/`;
export const blobLinkKey = (repository: string, digest: Digest) => blobLinksPrefix(repository) + flat(digest);
export const manifestsPrefix = (repository: string) => `repos/${repository}/_manifests/`;
export const manifestKey = (repository: string, digest: Digest) => manifestsPrefix(repository) + flat(digest);
export const tagsPrefix = (repository: string) => `repos/${repository}/_tags/`;
export const tagKey = (repository: string, tag: string) => tagsPrefix(repository) + tag;
export const taggedPrefix = (repository: string, digest: Digest) =>
  `repos/${repository}/_tagged/${flat(digest)}/`;
export const referrersPrefix = (repository: string, subject: Digest) =>
  `repos/${repository}/_referrers/${flat(subject)}/`;
export const referrerKey = (repository: string, subject: Digest, referrer: Digest) =>
  referrersPrefix(repository, subject) + dashed(referrer);
export const namesPrefix = "names/";
/** `!` sorts below every character of a name: a repository comes right before those nested in it. */
export const nameKey = (repository: string) => namesPrefix + repository.replaceAll("/", "!");
export const nameOfKey = (key: string) => key.slice(namesPrefix.length).replaceAll("!", "/");

/** A digest as one word, as the referrers tag schema writes it (distribution-spec, "Referrers Tag Schema"). */
export function dashed(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}`;
}

/** The tag under which clients keep an index of referrers where a registry has no API for them. */
export function fallbackTag(subject: Digest): string {
  return dashed(subject).slice(0, "sha256-".length + 64);
}

/** The digest in the last segments of a manifest's or blob's key. Throws DIGEST_INVALID. */
export function digestOfKey(key: string): Digest {
  const [algorithm, hex] = key.split("/").slice(-2) as [string, string];
  return digestFromHex(hex, algorithm as "sha256" | "sha512");
}
