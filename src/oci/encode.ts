import { StrakeError } from "../errors/index.ts";
import type { ImageConfig } from "./config.ts";
import type { Index } from "./image-index.ts";
import type { Manifest } from "./manifest.ts";

/**
 * Order of the known fields of all documents, as the specifications list them; every other key follows in code unit
 * order. Together with no white space this makes the bytes a function of the value, not of how it was built.
 */
const fieldOrder = [
  ...["schemaVersion", "mediaType", "artifactType", "digest", "size", "urls", "data", "platform"],
  ...["created", "created_by", "author", "comment", "empty_layer"],
  ...["architecture", "os", "os.version", "os.features", "variant"],
  ...["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal"],
  ...["config", "rootfs", "type", "diff_ids", "history", "layers", "manifests", "subject", "annotations"],
];
const rank = new Map(fieldOrder.map((field, i) => [field, i]));
const utf8 = new TextEncoder();

/** The configuration as deterministic JSON. The digest of these bytes is the image's ID. */
export function encodeConfig(value: ImageConfig): Uint8Array {
  return encodeDocument(value);
}

/** The manifest as deterministic JSON. A manifest that was decoded should be passed on as its raw bytes instead. */
export function encodeManifest(value: Manifest): Uint8Array {
  return encodeDocument(value);
}

/** The index as deterministic JSON. */
export function encodeIndex(value: Index): Uint8Array {
  return encodeDocument(value);
}

/** Any JSON value as deterministic bytes: equal values give equal bytes, whatever the order of their keys. */
export function encodeDocument(value: unknown): Uint8Array {
  return utf8.encode(canonicalJSON(value));
}

/** The text of {@link encodeDocument}. Fields that are undefined are left out, as JSON.stringify does. */
export function canonicalJSON(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJSON).join(",")}]`;
  if (typeof value === "object" && isPlain(value)) {
    const object = value as Record<string, unknown>;
    const keys = Object.keys(object).filter((key) => object[key] !== undefined);
    keys.sort(compareKeys);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJSON(object[key])}`).join(",")}}`;
  }
  throw new StrakeError("INTERNAL", `a ${typeof value} cannot be written as JSON`);
}

function compareKeys(a: string, b: string): number {
  const byRank = (rank.get(a) ?? Number.MAX_SAFE_INTEGER) - (rank.get(b) ?? Number.MAX_SAFE_INTEGER);
  if (byRank !== 0) return byRank;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A Date or a Map would silently become `{}`. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
