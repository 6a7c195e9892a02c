import { type Descriptor, type Digest, decodeIndex, isIndexType, mediaTypes } from "../../oci/index.ts";
import { checkDigest } from "./blobs.ts";
import type { Call, Core } from "./core.ts";
import { giveWay } from "./gc/walk.ts";
import { dashed, fallbackTag, referrersPrefix } from "./layout.ts";
import { loadManifest } from "./manifests.ts";
import { pageResponse, parsePage } from "./protocol/page.ts";
import { readRecord } from "./records.ts";
import { resolveTag } from "./tags.ts";

const standardPage = 1000;
/** An answer is an index, which clients read only up to 4 MiB. */
const answerLimit = 3 << 20;

/** GET .../referrers/<digest>: an index of what says it is about this manifest, which need not exist. */
export async function listReferrers(call: Call, repository: string, text: string): Promise<Response> {
  const subject = checkDigest(text);
  return answerReferrers(call, { repository, subject }, (after) =>
    referrersAfter(call.core, repository, { subject, after }),
  );
}

/** A page of referrers, which come sorted by key and begin after the one that is named. */
export async function answerReferrers(
  call: Call,
  { repository, subject }: { readonly repository: string; readonly subject: Digest },
  referrers: (after: string) => AsyncIterable<Referrer> | Iterable<Referrer>,
): Promise<Response> {
  const { size, last } = parsePage(call.query, standardPage);
  const artifactType = call.query.get("artifactType") || undefined;
  const wanted = (descriptor: Descriptor) => !artifactType || descriptor.artifactType === artifactType;
  const manifests: Descriptor[] = [];
  let room = answerLimit;
  let more = false;
  let lastKey = "";
  for await (const { key, descriptor } of referrers(last)) {
    if (!wanted(descriptor)) continue;
    const length = Buffer.byteLength(JSON.stringify(descriptor));
    if (manifests.length >= size || (length > room && manifests.length > 0)) {
      more = size > 0;
      break;
    }
    room -= length;
    manifests.push(descriptor);
    lastKey = key;
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  const query = { n: String(size), last: lastKey, ...(artifactType ? { artifactType } : {}) };
  return pageResponse(index, more ? { path: `/v2/${repository}/referrers/${subject}`, query } : undefined, {
    "Content-Type": mediaTypes.ociIndex,
    ...(artifactType ? { "OCI-Filters-Applied": "artifactType" } : {}),
  });
}

export interface Referrer {
  readonly key: string;
  readonly descriptor: Descriptor;
}

/** Referrers in the order of their keys: those stored with a subject, and those of the tag schema, each once. */
async function* referrersAfter(
  core: Core,
  repository: string,
  { subject, after }: { subject: Digest; after: string },
): AsyncGenerator<Referrer> {
  const old = await fallbackReferrers(core, repository, subject);
  const waiting = old.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
  for await (const referrer of storedReferrers(core, referrersPrefix(repository, subject), after)) {
    while (waiting[0] && waiting[0].key < referrer.key) yield waiting.shift()!;
    if (waiting[0]?.key === referrer.key) waiting.shift();
    yield referrer;
  }
  yield* waiting;
}

async function* storedReferrers(core: Core, prefix: string, last: string): AsyncGenerator<Referrer> {
  const batch = 64;
  // What is no key of ours sorts nowhere: the list begins at its beginning.
  let after: string | undefined = /^[a-z0-9-]{1,200}$/.test(last) ? prefix + last : undefined;
  for (;;) {
    // A filter that fits little looks at all of them.
    await giveWay();
    const keys: string[] = await core.objects.list(prefix, { after, limit: batch });
    const records = await Promise.all(keys.map((key) => readRecord<Descriptor>(core.objects, key)));
    for (const [i, key] of keys.entries()) {
      const descriptor = records[i]?.value;
      if (descriptor) yield { key: key.slice(prefix.length), descriptor };
    }
    after = keys.at(-1);
    if (keys.length < batch) return;
  }
}

/** What clients listed under the tag schema, from registries or times without this API. */
async function fallbackReferrers(core: Core, repository: string, subject: Digest): Promise<Referrer[]> {
  const digest = await resolveTag(core, repository, fallbackTag(subject));
  const manifest = digest && (await loadManifest(core, repository, digest));
  if (!manifest || !isIndexType(manifest.mediaType)) return [];
  const { manifests } = decodeIndex(manifest.bytes, manifest.mediaType).value;
  const unique = new Map(manifests.map((descriptor) => [dashed(descriptor.digest), descriptor]));
  return [...unique].map(([key, descriptor]) => ({ key, descriptor }));
}
