import { type Digest, isDigest, isTag } from "../../../oci/index.ts";
import type { RemoteManifest } from "../../client/index.ts";
import type { Call, Core } from "../core.ts";
import { holdManifest } from "../gc/hold.ts";
import { decodePushed } from "../manifest-body.ts";
import { loadManifest, serveManifest, storeManifest } from "../manifests.ts";
import { Refusal } from "../protocol/refusal.ts";
import { isStorageFault } from "../storage/fault.ts";
import { deleteTag, moveTag, resolveTag } from "../tags.ts";
import {
  type CachedAnswer,
  type CacheResult,
  nameOf,
  type PullThrough,
  type Target,
} from "./pull-through.ts";
import { upstreamFailure, upstreamRefusal } from "./upstream-failure.ts";

interface Asked {
  readonly target: Target;
  readonly reference: string;
}

export type UnknownCode = "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN" | "NAME_UNKNOWN";

/** Milliseconds after which a client gets the old answer when the upstream takes its time over whether there is a new one. */
const patience = 3000;

/** GET and HEAD of a manifest: from the cache, from the upstream on a miss. By tag the upstream is asked now and then. */
export async function serveCachedManifest(
  call: Call,
  proxy: PullThrough,
  asked: Asked,
): Promise<CachedAnswer> {
  const { target, reference } = asked;
  const { core } = call;
  const cache = await (isDigest(reference)
    ? haveDigest(core, proxy, { target, digest: reference })
    : haveTag(core, proxy, asked));
  const digest = isDigest(reference) ? reference : await heldDigest(core, target.repository, reference);
  if (digest && cache !== "miss")
    await proxy.touch(core, nameOf(target.repository, digest), () =>
      holdManifest(core, target.repository, digest),
    );
  return { response: await serveManifest(call, target.repository, reference), cache };
}

/** Sees to it that a manifest is here. What has a digest never changes: the upstream is asked once. */
async function haveDigest(
  core: Core,
  proxy: PullThrough,
  { target, digest }: { readonly target: Target; readonly digest: Digest },
): Promise<CacheResult> {
  const { repository, upstream } = target;
  if (await isHeld(core, repository, digest)) return "hit";
  const name = nameOf(repository, digest);
  refuseAbsent(proxy, name);
  const joined = proxy.flights.has(name);
  try {
    await proxy.ask(upstream, name, async () => {
      if (await isHeld(core, repository, digest)) return;
      const source = await upstream.open(repository);
      await store(core, repository, await source.getManifest(digest, { signal: proxy.signal }));
    });
  } catch (error) {
    throw refused(proxy, { target, name, error });
  }
  return joined ? "joined" : "miss";
}

/** Sees to it that a tag is here and no older than the upstream's `ttl` allows, where the upstream can be asked. */
async function haveTag(core: Core, proxy: PullThrough, { target, reference }: Asked): Promise<CacheResult> {
  const { repository, upstream } = target;
  if (!isTag(reference)) throw new Refusal("MANIFEST_UNKNOWN", "this is neither a tag nor a digest");
  const name = nameOf(repository, reference);
  const held = await heldDigest(core, repository, reference);
  if (held && proxy.fresh.get(name)) return "hit";
  if (held && upstream.away.isOn) return "stale";
  if (!held) refuseAbsent(proxy, name);
  const joined = proxy.flights.has(name);
  const work = proxy.ask(upstream, name, () => refresh(core, proxy, { target, reference }));
  try {
    if (!held) {
      const result = await work;
      return joined ? "joined" : result;
    }
    const late = Promise.withResolvers<CacheResult>();
    const timer = setTimeout(() => {
      // The next one need not wait as long to learn the same.
      upstream.away.begin();
      late.resolve("stale");
    }, patience);
    work.catch(() => {});
    return await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
  } catch (error) {
    if (held && upstreamFailure(error) === "away") {
      upstream.away.begin();
      return "stale";
    }
    // What is new cannot be stored.
    if (held && isStorageFault(error)) return "stale";
    throw refused(proxy, { target, name, error });
  }
}

/** Asks the upstream what a tag is now and stores what is new. */
async function refresh(core: Core, proxy: PullThrough, { target, reference }: Asked): Promise<CacheResult> {
  const { repository, upstream } = target;
  const { signal } = proxy;
  const name = nameOf(repository, reference);
  const held = await heldDigest(core, repository, reference);
  const source = await upstream.open(repository);
  const known = () => proxy.fresh.set(name, true, upstream.ttl);
  // Asking with HEAD counts for nothing where pulls are counted (Docker Hub).
  const now =
    held &&
    (await source
      .headManifest(reference, { signal })
      .catch((error) => dropGone(core, { target, reference, held }, error)));
  if (now && now.digest === held) {
    known();
    return "revalidated";
  }
  let manifest: RemoteManifest | undefined;
  if (!now || !(await isHeld(core, repository, now.digest))) {
    manifest = await source.getManifest(now?.digest ?? reference, { signal });
    await store(core, repository, manifest);
  }
  const digest = manifest?.digest ?? now!.digest;
  const loaded = await loadManifest(core, repository, digest);
  if (digest !== held && loaded) {
    const target = {
      digest,
      mediaType: loaded.mediaType,
      size: loaded.bytes.byteLength,
      pushedAt: Date.now(),
    };
    try {
      await moveTag(core, repository, reference, target);
    } catch (error) {
      // A tag that is immutable here stays what it was first.
      if (!(error instanceof Refusal) || !held) throw error;
    }
  }
  known();
  return "miss";
}

/** A tag that the upstream says is gone is gone here too, unless it is immutable. Throws the upstream's error. */
async function dropGone(
  core: Core,
  { target, reference, held }: Asked & { readonly held: Digest },
  error: unknown,
): Promise<never> {
  if (upstreamFailure(error) === "gone") await deleteTag(core, target.repository, reference, held);
  throw error;
}

async function store(
  core: Core,
  repository: string,
  { raw, digest, mediaType }: RemoteManifest,
): Promise<void> {
  await storeManifest(core, repository, { digest, manifest: decodePushed(new Uint8Array(raw), mediaType) });
}

/** What a tag points to, if that is here too. */
async function heldDigest(core: Core, repository: string, tag: string): Promise<Digest | undefined> {
  const digest = core.cache.tag(repository, tag) ?? (await resolveTag(core, repository, tag));
  return digest && (await isHeld(core, repository, digest)) ? digest : undefined;
}

async function isHeld(core: Core, repository: string, digest: Digest): Promise<boolean> {
  return (
    (core.cache.manifest(repository, digest) ?? (await loadManifest(core, repository, digest))) !== undefined
  );
}

/** Throws when the upstream said a moment ago that it has no such thing. */
export function refuseAbsent(proxy: PullThrough, name: string, code: UnknownCode = "MANIFEST_UNKNOWN"): void {
  if (proxy.absent.get(name)) throw new Refusal(code, "the upstream has no such thing");
}

/** The answer to a failure of the upstream, which is remembered if it is one that lasts. */
export function refused(
  proxy: PullThrough,
  { target, name, error }: { readonly target: Target; readonly name: string; readonly error: unknown },
  code: UnknownCode = "MANIFEST_UNKNOWN",
): Refusal {
  if (error instanceof Refusal) return error;
  const meaning = upstreamFailure(error);
  if (meaning === "gone" || meaning === "forbidden") proxy.absent.set(name, true, target.upstream.missTtl);
  return upstreamRefusal(error, code);
}
