import type { Digest } from "../../../oci/index.ts";
import { blobAnswer, blobHeaders, checkDigest, findBlob, linkBlob, sendable, serveBlob } from "../blobs.ts";
import type { Call, Core } from "../core.ts";
import { spare } from "../gc/condemned.ts";
import { holdBlob } from "../gc/hold.ts";
import { blobKey } from "../layout.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Fill } from "./fill.ts";
import { cachedBlobKey, fillName } from "./keys.ts";
import { refuseAbsent, refused } from "./manifests.ts";
import type { CachedAnswer, CacheResult, PullThrough, Target } from "./pull-through.ts";

/** A manifest may have the same digest. */
const blobName = (repository: string, digest: Digest) => `${repository} blob ${digest}`;

interface Asked {
  readonly target: Target;
  readonly digest: Digest;
}

/** GET and HEAD of a blob: from the cache, or from the upstream while it comes in. */
export async function serveCachedBlob(
  call: Call,
  proxy: PullThrough,
  { target, digest: text }: { readonly target: Target; readonly digest: string },
): Promise<CachedAnswer> {
  const digest = checkDigest(text);
  const { core } = call;
  const { repository } = target;
  const asked = { target, digest };
  const local = async (cache: CacheResult) => ({
    response: await serveBlob(call, repository, digest),
    cache,
  });
  if (await findBlob(core, repository, digest)) {
    await proxy.touch(core, blobName(repository, digest), () => holdBlob(core, repository, digest));
    return local("hit");
  }
  const name = blobName(repository, digest);
  refuseAbsent(proxy, name, "BLOB_UNKNOWN");
  try {
    if (call.method === "HEAD") return { response: await head(proxy, asked), cache: "miss" };
    const filling = await findOrFill(core, proxy, asked);
    if (filling === "stored") return await local("joined");
    await filling.fill.opened;
    return { response: await respond(call, filling.fill), cache: filling.joined ? "joined" : "miss" };
  } catch (error) {
    throw refused(proxy, { target, name, error }, "BLOB_UNKNOWN");
  }
}

/** The download a blob comes with, begun now if need be. */
async function findOrFill(
  core: Core,
  proxy: PullThrough,
  { target, digest }: Asked,
): Promise<"stored" | { readonly fill: Fill; readonly joined: boolean }> {
  const { repository, upstream } = target;
  const key = fillName(upstream.prefix, digest);
  const others = async () =>
    proxy.fills.get(key) ?? (await core.objects.head(cachedBlobKey(upstream.prefix, digest)));
  const running = proxy.fills.get(key);
  if (running?.repository === repository) return { fill: running.fill, joined: true };
  if (await others()) {
    // It comes, or came, through another repository: the upstream says whether this one holds it too.
    if ((await sizeAtUpstream(proxy, { target, digest })) === undefined) throw unknownBlob(digest);
    const other = proxy.fills.get(key);
    if (other) {
      void other.fill.stored.then(() => linkBlob(core, repository, digest)).catch(() => {});
      return { fill: other.fill, joined: true };
    }
    await spare(core.objects, digest);
    if (await core.objects.head(blobKey(digest))) {
      await linkBlob(core, repository, digest);
      return "stored";
    }
  }
  // One that ended since the blob was looked for.
  if (await findBlob(core, repository, digest)) return "stored";
  const source = await upstream.open(repository);
  const begun = proxy.fills.get(key);
  if (begun?.repository === repository) return { fill: begun.fill, joined: true };
  const onBytes = (count: number) => proxy.metrics.received(upstream.prefix, count);
  const { prefix, maxBytes: limit } = upstream;
  const fill = new Fill(core, { prefix, repository, digest, source, signal: proxy.signal, limit, onBytes });
  const entry = { fill, repository };
  proxy.fills.set(key, entry);
  const ended = () => {
    if (proxy.fills.get(key) === entry) proxy.fills.delete(key);
  };
  fill.stored.then(ended, (error) => {
    ended();
    proxy.noteFailure(upstream, error);
  });
  return { fill, joined: false };
}

/** The answer while the blob arrives. Its size is the upstream's word until it has proven true. */
async function respond(call: Call, fill: Fill): Promise<Response> {
  if (fill.size === undefined) return new Response(fill.stream(), { headers: blobHeaders(fill.digest) });
  const { status, headers, range } = blobAnswer(call.request, fill.digest, fill.size);
  const body = fill.stream(range?.start, range?.end);
  return new Response(await sendable(body, range ? range.end - range.start : fill.size), { status, headers });
}

async function head(proxy: PullThrough, asked: Asked): Promise<Response> {
  const size = await sizeAtUpstream(proxy, asked);
  if (size === undefined) throw unknownBlob(asked.digest);
  return new Response(null, { headers: { ...blobHeaders(asked.digest), "Content-Length": String(size) } });
}

/** The size of a blob as the upstream tells it; undefined when the repository does not hold it there. */
async function sizeAtUpstream(proxy: PullThrough, { target, digest }: Asked): Promise<number | undefined> {
  const { repository, upstream } = target;
  const name = blobName(repository, digest);
  const size = await proxy.ask(upstream, `HEAD ${name}`, async () =>
    (await upstream.open(repository)).headBlob(digest, { signal: proxy.signal }),
  );
  if (size === undefined) proxy.absent.set(name, true, upstream.missTtl);
  return size;
}

function unknownBlob(digest: Digest): Refusal {
  return new Refusal("BLOB_UNKNOWN", "the upstream holds no such blob", { detail: { digest } });
}
