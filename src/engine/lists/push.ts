import { checkOptions, StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeManifestOrIndex,
  encodeIndex,
  mediaTypes,
  parseReference,
  withDefaultTag,
} from "../../oci/index.ts";
import { copyImage, type Remote, type RemoteOptions, type Repository } from "../../registry/client/index.ts";
import type { Store } from "../../store/index.ts";
import { rememberingUploads } from "../copy/remember.ts";
import { openRemote } from "../registry/open-remote.ts";
import { sendImage } from "../registry/push.ts";
import { findList, type ListEntry } from "./list.ts";

export interface PushListRequest extends RemoteOptions {
  readonly list: string;
  /** Default: the list's own name. */
  readonly target?: string;
  readonly emit?: Emit;
}

/**
 * Sends a list: first the images that the target lacks, each under its digest alone, then the index that names them. The same images
 * give the same index. Errors: MANIFEST_LIST_NOT_FOUND, REGISTRY_*.
 */
export async function pushList(store: Store, request: PushListRequest): Promise<Digest> {
  checkOptions<Pick<PushListRequest, "list">>("pushList", request, { list: "string" });
  const list = findList(store, request.list);
  if (list.entries.length === 0)
    throw new StrakeError("USAGE", `the list ${request.list} holds no image`, {
      hint: `strake manifest add ${request.list} IMAGE`,
    });
  const target = withDefaultTag(parseReference(request.target ?? list.reference));
  using remote = openRemote(request);
  const repository = await remote.repository(target);
  const manifests = await withTotals("push", request.emit ?? emitNothing, async (emit) => {
    const sent: Descriptor[] = [];
    for (const entry of list.entries) {
      const { platform, annotations } = entry;
      const manifest = await sendEntry(store, entry, { repository, remote, emit, request });
      sent.push({ ...manifest, platform, ...(annotations ? { annotations } : {}) });
    }
    return sent;
  });
  const raw = encodeIndex({
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    ...(list.annotations ? { annotations: list.annotations } : {}),
  });
  const index = decodeManifestOrIndex(raw, mediaTypes.ociIndex);
  await repository.putManifest(
    target.tag ?? index.digest,
    index,
    request.signal ? { signal: request.signal } : {},
  );
  return index.digest;
}

export interface EntrySending {
  readonly repository: Repository;
  readonly remote: Remote;
  readonly emit: Emit;
  readonly request: RemoteOptions;
  /** Default: none, its digest alone. */
  readonly tag?: string;
}

/** Sends one image of a list. */
export async function sendEntry(
  store: Store,
  { source }: ListEntry,
  { repository, remote, emit, request, tag = "" }: EntrySending,
): Promise<Pick<Descriptor, "mediaType" | "digest" | "size">> {
  const options = { emit, ...(request.signal ? { signal: request.signal } : {}) };
  if (source.kind === "image") {
    using lease = store.lease("push");
    const image = store.images.hold(source.id, lease);
    const { manifest } = await sendImage(store, image, { target: repository, tag, lease, ...options });
    return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.raw.byteLength };
  }
  const { mediaType, digest, size } = source.descriptor;
  const reference = parseReference(`${source.repository}@${digest}`);
  await remote.read(reference, (place) =>
    copyImage(
      { place, reference: digest },
      { place: repository, reference: tag || digest },
      { ...options, ...rememberingUploads(async () => store) },
    ),
  );
  return { mediaType, digest, size };
}
