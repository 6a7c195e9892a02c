import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeIndex,
  digestAlgorithm,
  digestHex,
  encodeIndex,
  type Manifest,
  mediaTypes,
  sha256,
} from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { readBody } from "./http/read.ts";
import type { RetryOptions } from "./http/retry.ts";
import { whole } from "./http/whole.ts";
import { nextPage } from "./paging.ts";
import type { Repository } from "./repository.ts";

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
export function referrersTag(digest: Digest): string {
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

/** Puts a manifest that has a subject, and keeps the referrers tag where the registry does not do it (no OCI-Subject). */
export async function putReferrer(
  repository: Repository,
  { raw, value }: { readonly raw: Uint8Array; readonly value: Manifest },
  call: { readonly signal?: AbortSignal } = {},
): Promise<Descriptor> {
  const digest = sha256(raw);
  const mediaType = value.mediaType ?? mediaTypes.ociManifest;
  const artifactType = value.artifactType ?? value.config.mediaType;
  const { annotations } = value;
  const descriptor = {
    mediaType,
    digest,
    size: raw.byteLength,
    artifactType,
    ...(annotations ? { annotations } : {}),
  };
  const { subjectHandled } = await repository.putManifest(digest, { raw, mediaType }, call);
  if (subjectHandled || value.subject === undefined) return descriptor;
  const subject = value.subject.digest;
  const before = await byTag(repository, { digest: subject, ...call });
  if (before.some((each) => each.digest === digest)) return descriptor;
  const index = encodeIndex({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...before, descriptor],
  });
  await repository.putManifest(referrersTag(subject), { raw: index, mediaType: mediaTypes.ociIndex }, call);
  return descriptor;
}
