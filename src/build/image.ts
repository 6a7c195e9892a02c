import { type Digest, encodeConfig, type HistoryEntry, type ImageConfig, sha256 } from "../oci/index.ts";
import type { Image } from "../store/index.ts";
import type { StageState } from "./config/stage-state.ts";
import type { Session } from "./execute/session.ts";

/**
 * The configuration of a finished stage. Times: an entry with a layer has its layer's; one without has that of the last
 * new layer before it, else of the first one, else `created`.
 */
export function configOf(
  state: StageState,
  options: { readonly created: string; readonly labels?: Readonly<Record<string, string>> },
): ImageConfig {
  const { created, labels } = options;
  let time = state.history.find((entry) => !entry.inherited && entry.created)?.created ?? created;
  const history = state.history.map(({ inherited, ...entry }): HistoryEntry => {
    if (inherited) return entry;
    time = entry.created ?? time;
    return { ...entry, created: time };
  });
  const Labels = { ...state.config.Labels, ...labels };
  return {
    ...state.image,
    created,
    config: { ...state.config, ...(Object.keys(Labels).length > 0 && { Labels }) },
    rootfs: { type: "layers", diff_ids: state.layers },
    history,
  };
}

/**
 * Stores the image of a finished stage. When the same configuration was made before, it gets the time it had then, so a
 * build from the cache gives the identical image.
 */
export async function storeImage(session: Session, state: StageState): Promise<Image> {
  const { store, lease, options, epoch } = session;
  const { labels } = options;
  const timeless = sha256(encodeConfig(configOf(state, { created: "", labels })));
  const key = `image ${timeless}`;
  const now = new Date(epoch === undefined ? Date.now() : epoch * 1000).toISOString();
  const known = options.noCache ? undefined : timeOf(store.cache.get(key)?.result);
  // Of builds that make it at the same time the first one's counts.
  const first = (before: unknown) => ({ created: (options.noCache ? undefined : timeOf(before)) ?? now });
  const noted = known ?? store.cache.replace(key, first, { inputs: {}, refs: [] })?.created;
  const created = epoch === undefined ? (noted ?? now) : now;
  const bytes = encodeConfig(configOf(state, { created, labels }));
  const configDigest: Digest = sha256(bytes);
  const present = store.images.get(configDigest);
  if (present && lease.add("image", configDigest)) return present;
  await store.blobs.put(bytes, { lease });
  return store.images.put({ configDigest, lease });
}

function timeOf(result: unknown): string | undefined {
  return (result as { created?: string } | undefined)?.created;
}
