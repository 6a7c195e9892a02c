import { StrakeError } from "../../errors/index.ts";
import { type Digest, parseReference } from "../../oci/index.ts";
import {
  deleteReferrer,
  explainMissing,
  inParallel,
  Remote,
  type RemoteOptions,
  type Repository,
} from "../../registry/client/index.ts";

export interface DeleteRequest extends RemoteOptions {
  /** With a tag: the manifest it means too, and all other tags of that. */
  readonly allTags?: boolean;
}

export interface DeletedReference {
  /** Known when the manifest itself went. */
  readonly digest?: Digest;
  /** Tags that are known to have gone. */
  readonly tags: readonly string[];
}

/** Tags that are resolved at the same time. */
const asked = 8;
const tagsShown = 50;

/**
 * Deletes a tag, or with a digest a manifest and all its tags. A registry that deletes manifests alone (distribution 2) is asked for that
 * when the tag is its only one; with others it is refused unless `allTags` says that they may go.
 * Errors: REGISTRY_*, REGISTRY_TAG_SHARED, REFERENCE_INVALID.
 */
export async function deleteRemote(name: string, request: DeleteRequest = {}): Promise<DeletedReference> {
  const reference = parseReference(name);
  const { digest, tag } = reference;
  if (digest === undefined && tag === undefined)
    throw new StrakeError(
      "REFERENCE_INVALID",
      "what is deleted from a registry is named with its tag or digest",
    );
  const call = request.signal ? { signal: request.signal } : {};
  using remote = new Remote(request);
  const repository = await remote.repository(reference);
  return await explainMissing(async () => {
    if (digest !== undefined) {
      await deleteReferrer(repository, digest, call);
      return { digest, tags: [] };
    }
    let refused: StrakeError | undefined;
    if (!request.allTags)
      try {
        await repository.deleteManifest(tag!, call);
        return { tags: [tag!] };
      } catch (error) {
        if (!(error instanceof StrakeError) || error.code !== "REGISTRY_REFUSED") throw error;
        refused = error;
      }
    const target = await repository.resolve(tag!, call);
    const others = (await tagsOf(repository, target.digest, call)).filter((other) => other !== tag);
    if (others.length > 0 && !request.allTags)
      throw shared(repository, { tag: tag!, others, cause: refused });
    await deleteReferrer(repository, target.digest, call);
    return { digest: target.digest, tags: [tag!, ...others] };
  }, request.signal);
}

/** The tags that mean a manifest now. */
async function tagsOf(
  repository: Repository,
  digest: Digest,
  call: { readonly signal?: AbortSignal },
): Promise<string[]> {
  const tags = await Array.fromAsync(repository.tags(call));
  const found = await inParallel(tags, { limit: asked, ...call }, async (tag, signal) => {
    try {
      return (await repository.resolve(tag, { signal })).digest === digest ? tag : undefined;
    } catch (error) {
      // Listed, and gone since.
      if (error instanceof StrakeError && error.code === "REGISTRY_NOT_FOUND") return undefined;
      throw error;
    }
  });
  return found.filter((tag) => tag !== undefined);
}

function shared(
  repository: Repository,
  { tag, others, cause }: { tag: string; others: readonly string[]; cause: unknown },
): StrakeError {
  const more = others.length > tagsShown ? ` and ${others.length - tagsShown} more` : "";
  const listed = others.slice(0, tagsShown).join(", ");
  return new StrakeError(
    "REGISTRY_TAG_SHARED",
    `${repository.registryName} deletes no single tag, only the manifest: with ${repository.name}:${tag} its other tags would go too: ${listed}${more}`,
    { cause, hint: `if all of them may go: strake delete --all-tags ${repository.name}:${tag}` },
  );
}
