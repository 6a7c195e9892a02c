import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeIndex,
  digestAlgorithm,
  digestHex,
  encodeDocument,
  encodeIndex,
  mediaTypes,
} from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { readBody } from "./http/read.ts";
import type { RetryOptions } from "./http/retry.ts";
import { whole } from "./http/whole.ts";
import { nextPage } from "./paging.ts";
import type { RemoteManifest, Repository } from "./repository.ts";

interface Asking {
  readonly send: Send;
  readonly retry: RetryOptions;
  readonly request: HttpRequest;
  readonly digest: Digest;
  readonly artifactType: string | undefined;
  readonly signal?: AbortSignal;
}

const pageLimit = 4 << 20;
const pagesLimit = 1000;

/** By the referrers API, or by the tag that clients keep where there is none (distribution-spec, "Listing Referrers"). */
export async function fetchReferrers(repository: Repository, asking: Asking): Promise<Descriptor[]> {
  const { send, retry, request, artifactType } = asking;
  const found: Descriptor[] = [];
  let url: URL | undefined = request.url;
  for (let page = 0; url !== undefined; page++) {
    if (page >= pagesLimit) throw new StrakeError("REGISTRY_RESPONSE", `${url.host} has no end of referrers`);
    const read = async (response: HttpResponse) => {
      // 404 is how a registry without the API answers: one that has it sends an empty index.
      if (response.status === 404 && page === 0) return response.discard();
      if (response.status !== 200) throw await answerError(response, `referrers in ${repository.name}`);
      const bytes = await readBody(response, pageLimit, "the list of referrers");
      return { bytes, link: response.headers.link };
    };
    const got = await whole(send, { ...request, url }, { read, retry });
    if (!got) return filtered(await byTag(repository, asking), artifactType);
    found.push(...decodeIndex(got.bytes).value.manifests);
    url = nextPage(got.link, url);
  }
  // OCI-Filters-Applied tells whether the registry did; doing it twice costs nothing.
  return filtered(found, artifactType);
}

function filtered(all: readonly Descriptor[], artifactType: string | undefined): Descriptor[] {
  return all.filter((each) => artifactType === undefined || each.artifactType === artifactType);
}

/** `sha256-<hex>`, both cut as the specification says. */
function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`;
}

async function byTag(
  repository: Repository,
  { digest, signal }: Pick<Asking, "digest" | "signal">,
): Promise<Descriptor[]> {
  try {
    const document = await repository.getManifest(referrersTag(digest), signal ? { signal } : {});
    return document.kind === "index" ? [...document.value.manifests] : [];
  } catch (error) {
    if (error instanceof StrakeError && error.code === "REGISTRY_NOT_FOUND") return [];
    throw error;
  }
}

/** What refers to another as that will be listed: the type is the artifact's, or its configuration's (distribution-spec, "Listing Referrers"). */
function descriptorOf({ raw, mediaType, digest, value, kind }: RemoteManifest): Descriptor {
  const { annotations } = value;
  const artifactType = value.artifactType ?? (kind === "manifest" ? value.config.mediaType : undefined);
  return {
    ...{ mediaType, digest, size: raw.byteLength },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations ? { annotations } : {}),
  };
}

/**
 * Puts a manifest or index under a tag or its digest. Of one that has a subject the repository's referrers tag is kept where the registry does
 * not list it by itself (no OCI-Subject): else nobody would find it there.
 */
export async function putReferrer(
  repository: Repository,
  document: RemoteManifest,
  {
    reference = document.digest,
    ...call
  }: { readonly reference?: string; readonly signal?: AbortSignal } = {},
): Promise<Descriptor> {
  const descriptor = descriptorOf(document);
  const { subjectHandled } = await repository.putManifest(reference, document, call);
  const subject = document.value.subject?.digest;
  if (subjectHandled || subject === undefined) return descriptor;
  const before = await byTag(repository, { digest: subject, ...call });
  if (before.some((each) => each.digest === document.digest)) return descriptor;
  const index = encodeIndex({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...before, descriptor],
  });
  await repository.putManifest(referrersTag(subject), { raw: index, mediaType: mediaTypes.ociIndex }, call);
  return descriptor;
}

/**
 * Deletes a manifest by its digest, and takes it out of the referrers tag of its subject where that names it: nothing else would
 * (distribution-spec, "Deleting Manifests").
 */
export async function deleteReferrer(
  repository: Repository,
  digest: Digest,
  call: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const subject = await subjectOf(repository, digest, call);
  await repository.deleteManifest(digest, call);
  if (subject === undefined) return;
  const before = await byTag(repository, { digest: subject, ...call });
  const manifests = before.filter((each) => each.digest !== digest);
  if (manifests.length === before.length) return;
  const raw = encodeDocument({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  await repository.putManifest(referrersTag(subject), { raw, mediaType: mediaTypes.ociIndex }, call);
}

/** What is not there, or is no manifest that we know, has none: it is the deletion that says what is wrong. */
async function subjectOf(
  repository: Repository,
  digest: Digest,
  call: { readonly signal?: AbortSignal },
): Promise<Digest | undefined> {
  try {
    return (await repository.getManifest(digest, call)).value.subject?.digest;
  } catch (error) {
    if (error instanceof StrakeError && (error.class === "not-found" || error.class === "invalid"))
      return undefined;
    if (error instanceof StrakeError && (error.class === "unsupported" || error.class === "data-loss"))
      return undefined;
    throw error;
  }
}
