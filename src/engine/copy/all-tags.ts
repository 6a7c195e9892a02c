import { StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  type Digest,
  formatReference,
  type Platform,
  parsePlatform,
  pickPlatform,
  type Reference,
} from "../../oci/index.ts";
import {
  atTarget,
  type CopyOptions,
  copyImage,
  inParallel,
  type Remote,
  type RemoteOptions,
  type Repository,
} from "../../registry/client/index.ts";
import type { Store } from "../../store/index.ts";
import { warnOfMirror } from "../registry/mirror-warning.ts";
import { openRemote } from "../registry/open-remote.ts";
import { namingSides } from "./name-side.ts";
import { rememberingUploads } from "./remember.ts";
import { parsePlace } from "./transport.ts";

export interface CopyTagsRequest extends RemoteOptions {
  /** Only the image for this platform of each tag. Default: all, indexes byte for byte. */
  readonly platform?: string;
  /** With what refers to the images: then a tag that is there is looked through for them. */
  readonly referrers?: boolean;
  /** As of `CopyRequest`, for what is interrupted; none is opened without it. */
  readonly store?: () => Promise<Store>;
  readonly emit?: Emit;
}

/** What became of a tag. */
export type CopiedTag = { readonly tag: string } & (
  | { readonly outcome: "copied" | "there"; readonly digest: Digest }
  | { readonly outcome: "failed"; readonly error: StrakeError }
);

/** Tags that are compared at the same time: each costs a question to both sides. */
const comparedAtOnce = 8;

/**
 * Copies all tags of a repository to a repository of the same or another registry, bytes unchanged. A tag that means the same on both sides is
 * not copied. A tag that fails does not stop the others: its outcome says why. Tags of the target that the source does not have stay.
 * Errors: USAGE, REFERENCE_INVALID, CANCELED, and REGISTRY_* where the source's tags cannot be listed.
 */
export async function* copyAllTags(
  from: string,
  to: string,
  request: CopyTagsRequest = {},
): AsyncGenerator<CopiedTag, void, undefined> {
  const [source, target] = [repositoryAt(from), repositoryAt(to)];
  const { signal, referrers } = request;
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  using remote = openRemote(request);
  const call = signal ? { signal } : {};
  const [tags, goal] = await namingSides({ source, target }, async () => [
    await Array.fromAsync((await remote.origin(source)).tags(call)),
    await atTarget(() => remote.repository(target)),
  ]);
  const uploads = rememberingUploads(request.store);
  const emit = request.emit ?? emitNothing;
  const sides: Sides = { remote, source, target, goal, platform, call, uploads, emit };
  const there = referrers
    ? []
    : await inParallel(tags, { limit: comparedAtOnce, ...call }, (tag, stop) =>
        digestIfThere({ ...sides, call: { signal: stop } }, tag),
      );
  // One after the other: what tags share is moved once.
  for (const [i, tag] of tags.entries()) {
    const digest = there[i];
    yield digest === undefined
      ? await copyTag(sides, tag, referrers === true)
      : { tag, outcome: "there", digest };
  }
}

interface Sides {
  readonly remote: Remote;
  readonly source: Reference;
  readonly target: Reference;
  readonly goal: Repository;
  readonly platform: Platform | undefined;
  readonly call: { readonly signal?: AbortSignal };
  readonly uploads: Pick<CopyOptions, "remember">;
  readonly emit: Emit;
}

/** The tag's digest if both sides have the same. Whatever goes wrong here goes wrong again, with its own words, when the tag is copied. */
async function digestIfThere(
  { remote, source, goal, platform, call }: Sides,
  tag: string,
): Promise<Digest | undefined> {
  try {
    const there = await goal.headManifest(tag, call);
    if (there === undefined) return undefined;
    const wanted = await remote.read({ ...source, tag }, async (repository) => {
      // HEAD where it will do: registries count what is fetched.
      if (platform === undefined) return (await repository.resolve(tag, call)).digest;
      const root = await repository.getManifest(tag, call);
      return root.kind === "index" ? pickPlatform(root.value.manifests, platform)?.digest : root.digest;
    });
    return wanted === there.digest ? wanted : undefined;
  } catch (error) {
    if (error instanceof StrakeError && error.class !== "canceled") return undefined;
    throw error;
  }
}

async function copyTag(
  { remote, source, target, goal, platform, call, uploads, emit }: Sides,
  tag: string,
  referrers: boolean,
): Promise<CopiedTag> {
  const options = {
    ...call,
    ...uploads,
    ...(platform ? { platform } : {}),
    ...(referrers ? { referrers, cosignTags: false } : {}),
  };
  try {
    const { digest } = await namingSides({ source: { ...source, tag }, target: { ...target, tag } }, () =>
      withTotals("copy", emit, (counted) =>
        remote.read(
          { ...source, tag },
          (place) =>
            copyImage(
              { place, reference: tag },
              { place: goal, reference: tag },
              { ...options, emit: counted },
            ),
          warnOfMirror(emit),
        ),
      ),
    );
    return { tag, outcome: "copied", digest };
  } catch (error) {
    if (!(error instanceof StrakeError) || error.class === "canceled") throw error;
    return { tag, outcome: "failed", error };
  }
}

/** Errors: USAGE for what is no repository of a registry. */
function repositoryAt(text: string): Reference {
  const place = parsePlace(text);
  if (place.kind !== "registry")
    throw new StrakeError("USAGE", `all tags are copied between repositories of registries: ${text} is none`);
  const { reference } = place;
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw new StrakeError("USAGE", `all tags are copied from and to repositories: ${text} names one image`, {
      hint: formatReference({ domain: reference.domain, path: reference.path }),
    });
  return reference;
}
