import { StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  formatPlatform,
  formatReference,
  matchPlatform,
  type Platform,
  parsePlatform,
  parseReference,
  pickPlatform,
  withDefaultTag,
} from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { openRemote } from "../registry/open-remote.ts";
import { type PushRequest, type PushResult, pushImage } from "../registry/push.ts";
import { getList, type ListEntry } from "./list.ts";
import { sendEntry } from "./push.ts";

/**
 * Sends the image for one platform as an image of its own, as docker's `push --platform`: the image of that name if it is for that platform, else
 * the one that the manifest list of that name holds for it. Errors: IMAGE_PLATFORM, IMAGE_NOT_FOUND, and those of `pushImage`.
 */
export async function pushPlatform(
  store: Store,
  { platform: wanted, ...request }: PushRequest & { readonly platform: string },
): Promise<PushResult> {
  const platform = parsePlatform(wanted);
  const entry = entryFor(store, request.name, platform);
  if (entry === undefined) return await pushImage(store, request);
  const target = request.target ?? request.name;
  if (entry.source.kind === "image")
    return await pushImage(store, { ...request, name: entry.source.id, target });
  const reference = withDefaultTag(parseReference(target));
  using remote = openRemote(request);
  const repository = await remote.repository(reference);
  const emit: Emit = request.emit ?? emitNothing;
  const { digest, size } = await withTotals("push", emit, (counted) =>
    sendEntry(store, entry, { ...{ repository, remote, request, emit: counted }, tag: reference.tag! }),
  );
  return { reference: formatReference(reference), digest, size };
}

/** Undefined for the image of that name itself. */
function entryFor(store: Store, name: string, platform: Platform): ListEntry | undefined {
  const image = store.images.get(name);
  if (image && matchPlatform(platform, image)) return undefined;
  const list = getList(store, name);
  const entry = list && pickPlatform(list.entries, platform);
  if (entry) return entry;
  if (list === undefined && image === undefined) store.images.find(name);
  const known = [...(image ? [image] : []), ...(list?.entries.map((each) => each.platform) ?? [])];
  const offered = [...new Set(known.map(formatPlatform))].join(", ");
  throw new StrakeError(
    "IMAGE_PLATFORM",
    `${name} is not here for ${formatPlatform(platform)}, but for ${offered}`,
    {
      hint: `strake pull or build --platform ${formatPlatform(platform)} gets it here`,
    },
  );
}
