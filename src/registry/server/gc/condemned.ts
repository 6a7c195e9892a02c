import type { Digest } from "../../../oci/index.ts";
import { blobKey } from "../layout.ts";
import { Refusal } from "../protocol/refusal.ts";
import { encodeRecord, readRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import type { ObjectStore, WriteCondition } from "../storage/object-store.ts";
import { condemnedKey } from "./keys.ts";

/**
 * A blob that no repository held goes in two steps, a grace period and two complete looks at all repositories apart:
 * `condemned`, then `deleting`. Who stores or mounts the blob in between says `spared`. All three are conditional writes
 * of one small object, so that of a collector and a push one loses, and knows it, whatever process each is in; the bytes
 * themselves could not tell, since the same bytes written again are the same version to S3.
 */
interface Sentence {
  readonly state: "condemned" | "spared" | "deleting";
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A deletion takes milliseconds; one that takes longer than this died with its process. */
const deletionLimit = 60_000;
/** Clocks do not differ by so much: what was written so far in the future was written before the clock was set back. */
const future = 3600_000;
const polls = 40;
const pollInterval = 50;

/** To be called before a blob is stored or mounted. Throws UNAVAILABLE when its deletion does not end. */
export async function spare(objects: ObjectStore, digest: Digest): Promise<void> {
  const key = condemnedKey(digest);
  for (let poll = 0; ; ) {
    const found = await readRecord<Sentence>(objects, key);
    if (!found || found.value.state === "spared") return;
    const { state, at } = found.value;
    if (state === "deleting" && Date.now() - at < deletionLimit && at - Date.now() < future) {
      if (++poll > polls)
        throw new Refusal("UNAVAILABLE", "the blob is just being deleted", {
          headers: { "Retry-After": "60" },
        });
      await Bun.sleep(pollInterval);
    } else if (await write(objects, digest, "spared", { ifMatch: found.etag })) return;
  }
}

export interface SweepTime {
  /** When the collection began, milliseconds since the epoch. */
  readonly start: number;
  /** Milliseconds. */
  readonly grace: number;
  readonly dryRun: boolean;
}

/** The next step for a blob that no repository holds. */
export async function sentence(
  objects: ObjectStore,
  digest: Digest,
  { start, grace, dryRun }: SweepTime,
): Promise<"condemned" | "waiting" | "deleted"> {
  const found = await readRecord<Sentence>(objects, condemnedKey(digest));
  const condition = found ? { ifMatch: found.etag } : ({ ifNoneMatch: "*" } as const);
  if (!found || found.value.state === "spared") {
    if (!dryRun && !(await write(objects, digest, "condemned", condition))) return "waiting";
    return "condemned";
  }
  const { state, at } = found.value;
  const wait = state === "deleting" ? Math.max(deletionLimit, grace) : grace;
  if (at > start - wait) return "waiting";
  if (dryRun) return "deleted";
  const claimed = Date.now();
  if (!(await write(objects, digest, "deleting", condition))) return "waiting";
  // A process that slept through its own claim must not delete what was stored since.
  if (Date.now() - claimed > deletionLimit / 2) return "waiting";
  await objects.delete(blobKey(digest));
  await objects.delete(condemnedKey(digest));
  return "deleted";
}

/** The blob is held by a repository again, or gone. */
export async function acquit(objects: ObjectStore, digest: Digest, start: number): Promise<void> {
  const found = await readRecord<Sentence>(objects, condemnedKey(digest));
  if (!found || (found.value.state === "deleting" && found.value.at > start - deletionLimit)) return;
  await whileUnchanged(() => objects.delete(condemnedKey(digest), found.etag));
}

function write(
  objects: ObjectStore,
  digest: Digest,
  state: Sentence["state"],
  condition: WriteCondition,
): Promise<boolean> {
  // The nonce makes every write another version where the version is a hash of the content.
  const value = { state, at: Date.now(), nonce: crypto.randomUUID() };
  return whileUnchanged(() => objects.put(condemnedKey(digest), encodeRecord(value), condition));
}
