import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { ObjectInfo, ObjectStore, SmallObject } from "./storage/object-store.ts";

/** What is stored beside a manifest's bytes. */
export interface ManifestRecord {
  /** As it was pushed, without parameters. */
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly subject?: Digest;
  /** Milliseconds since the epoch. */
  readonly pushedAt: number;
}

export interface TagRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly pushedAt: number;
  readonly actor?: string;
}

/** Far above any record this server writes, except for a referrer's annotations. */
const recordLimit = 4 << 20;

export interface StoredRecord<T> extends Pick<ObjectInfo, "etag" | "modified"> {
  readonly value: T;
}

/** A stored JSON record; undefined when there is none. */
export async function readRecord<T>(objects: ObjectStore, key: string): Promise<StoredRecord<T> | undefined> {
  const found = await objects.read(key, recordLimit);
  return found && { value: parseRecord<T>(key, found), etag: found.etag, modified: found.modified };
}

export function encodeRecord(value: ManifestRecord | TagRecord | object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function parseRecord<T>(key: string, found: SmallObject): T {
  try {
    return JSON.parse(new TextDecoder().decode(found.bytes)) as T;
  } catch (cause) {
    throw new StrakeError("REGISTRY_STORAGE", `${key} is damaged in the registry's storage`, { cause });
  }
}
