import { checkOptions, StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  decodeConfig,
  documentLimits,
  formatReference,
  type Platform,
  parseReference,
  repositoryName,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  type ImageSource,
  Remote,
  type RemoteManifest,
  type RemoteOptions,
  readBlob,
} from "../../registry/client/index.ts";
import type { Store } from "../../store/index.ts";
import { changeList, type ListEntry, type ManifestList, withEntry } from "./list.ts";

/** What the user says of an entry, over what its image says. */
export interface EntryChanges {
  readonly platform?: Partial<Platform>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Adds an image to a list: of the store (`strake:NAME`, or a name that is known here), else of a registry (`docker://NAME` says so). Of an
 * index all images are added. Errors: MANIFEST_LIST_NOT_FOUND, REGISTRY_*, IMAGE_NOT_FOUND.
 */
export async function addToList(
  store: Store,
  list: string,
  request: RemoteOptions & { readonly image: string; readonly changes?: EntryChanges },
): Promise<ManifestList> {
  checkOptions<{ readonly image: string }>("addToList", request, { image: "string" });
  const { image, changes = {}, ...remote } = request;
  const entries = (await entriesOf(store, image, remote)).map((entry) => changed(entry, changes));
  return changeList(store, list, (before) => entries.reduce(withEntry, before));
}

/** An entry with the user's word over the image's. */
export function changed(entry: ListEntry, { platform = {}, annotations = {} }: EntryChanges): ListEntry {
  const all = { ...entry.annotations, ...annotations };
  return {
    ...entry,
    platform: { ...entry.platform, ...platform },
    ...(Object.keys(all).length > 0 ? { annotations: all } : {}),
  };
}

async function entriesOf(store: Store, name: string, options: RemoteOptions): Promise<ListEntry[]> {
  const [, transport, rest = name] = /^(docker:\/\/|strake:)(.*)$/s.exec(name) ?? [];
  const local =
    transport === "strake:" ? store.images.find(rest) : transport ? undefined : store.images.get(rest);
  if (local) {
    const { os, architecture, variant } = local;
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    return [{ name, platform, source: { kind: "image", id: local.id } }];
  }
  const reference = withDefaultTag(parseReference(rest));
  const call = options.signal ? { signal: options.signal } : {};
  using remote = new Remote(options);
  return await remote.read(reference, async (place) => {
    const root = await place.getManifest(reference.digest ?? reference.tag!, call);
    const repository = repositoryName(reference);
    const entry = (descriptor: Descriptor, platform: Platform): ListEntry => ({
      ...{ name, platform },
      source: { kind: "registry", repository, descriptor: { ...descriptor, platform } },
    });
    if (root.kind === "manifest") {
      const { mediaType, digest, raw } = root;
      return [entry({ mediaType, digest, size: raw.byteLength }, await platformOf(place, root, call))];
    }
    const images = root.value.manifests.filter(({ platform }) => platform && platform.os !== "unknown");
    if (images.length === 0)
      throw new StrakeError(
        "REGISTRY_PLATFORM",
        `the index ${formatReference(reference)} names no image with a platform`,
      );
    return images.map((each) => ({ ...entry(each, each.platform!), name: `${repository}@${each.digest}` }));
  });
}

/** What the image's own configuration says it runs on. */
async function platformOf(
  place: ImageSource,
  { value }: Extract<RemoteManifest, { kind: "manifest" }>,
  call: { readonly signal?: AbortSignal },
): Promise<Platform> {
  const raw = await readBlob(place, value.config, { limit: documentLimits.config, ...call });
  const { os, architecture, variant } = decodeConfig(raw, value.config.mediaType).value;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
