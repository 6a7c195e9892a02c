import { type Digest, isDigest } from "../../oci/index.ts";
import type { LongText } from "../../store/index.ts";
import { keyOf, type StepInputs } from "../key/inputs.ts";
import { createdText, type Session, type StepLayer } from "./session.ts";

/** What the cache holds for a step. */
interface StoredResult {
  readonly layer: Digest;
  readonly created: string;
}

/** The earlier result for these inputs, kept by the build's lease; undefined when there is none or its layer is gone or damaged. */
export function lookUp(session: Session, inputs: StepInputs): StepLayer | undefined {
  return lookUpKey(session, keyOf(inputs));
}

function lookUpKey(session: Session, key: string): StepLayer | undefined {
  if (session.options.noCache) return undefined;
  const result = session.store.cache.get(key)?.result as Partial<StoredResult> | undefined;
  const { layer, created } = result ?? {};
  if (!isDigest(layer) || typeof created !== "string" || !session.lease.add("layer", layer)) return undefined;
  // Made again: a store that was copied in part, or a disk that was repaired, has records of layers whose files are gone.
  if (!session.store.layers.isIntact(layer)) return undefined;
  return { diffID: layer, created: session.epoch === undefined ? created : createdText(session, 0) };
}

export interface RecordOptions {
  /** Text of the manifest behind `inputs.content`, stored with the inputs so that the one that changed can be named. */
  readonly files?: LongText;
  /** The step without its inputs' values: finds the latest record of the same step. */
  readonly place: string;
}

/** Stores a result under its inputs. When another build was first, with the same bytes, its time is the one that counts. */
export function record(
  session: Session,
  inputs: StepInputs,
  layer: Digest,
  { files, place }: RecordOptions,
): StepLayer {
  const { cache } = session.store;
  const created = createdText(session, Date.now());
  const key = keyOf(inputs);
  const refs = [{ kind: "layer", key: layer }] as const;
  // The same bytes made again keep their first time, so that an image rebuilt with --no-cache can still be the same image.
  const resultAfter = (before: unknown): StoredResult => {
    const { layer: earlier, created: kept = created } = (before ?? {}) as Partial<StoredResult>;
    return { layer, created: session.epoch === undefined && earlier === layer ? kept : created };
  };
  const stored = cache.replace(key, resultAfter, { inputs, refs, ...(files && { texts: { files } }) });
  recordPlace(session, inputs, place);
  return { diffID: layer, created: stored?.created ?? created };
}

/** Notes what the step at this place had last: its next inputs are looked up before anything is written. */
export function recordPlace(session: Session, inputs: StepInputs, place: string): void {
  session.store.cache.put(placeKey(place), {
    result: { latest: keyOf(inputs) },
    inputs: { place },
    refs: [],
  });
}

/** Whether a step of this kind at this place was ever recorded: if not, looking for its key is in vain. */
export function wasRecorded(session: Session, place: string): boolean {
  return !session.options.noCache && session.store.cache.get(placeKey(place)) !== undefined;
}

/** The latest layer of the step at this place, whatever its inputs were, kept by the build's lease. */
export function latest(session: Session, place: string): StepLayer | undefined {
  const target = session.store.cache.get(placeKey(place))?.result as { latest?: string } | undefined;
  return target?.latest === undefined ? undefined : lookUpKey(session, target.latest);
}

/** The result that a shortcut led to before; null for "no layer". A shortcut stands for inputs that took longer to find out. */
export function recall(session: Session, shortcut: string): StepLayer | null | undefined {
  if (session.options.noCache) return undefined;
  const target = session.store.cache.get(`shortcut ${shortcut}`)?.result as
    | { key?: string | null }
    | undefined;
  if (target?.key === null) return null;
  return target?.key === undefined ? undefined : lookUpKey(session, target.key);
}

export function remember(session: Session, shortcut: string, key: string | null): void {
  session.store.cache.put(`shortcut ${shortcut}`, { result: { key }, inputs: {}, refs: [] });
}

function placeKey(place: string): string {
  return `place ${place}`;
}
