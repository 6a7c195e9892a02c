import { type Digest, sha256 } from "../../oci/index.ts";
import type { EntryHeader } from "../../tar/index.ts";
import type { CopyEntry } from "./entries.ts";

/**
 * What a copy writes, one item a path: everything about the entries but their times. A copy with the same manifest makes the
 * same files, so its digest is the cache key: what is not written does not count, what is written always does.
 * Of the mode all twelve bits that the layer stores count; with an octal `--chmod` the source's do not.
 */
export type Manifest = Readonly<Record<string, string>>;

/** The manifest when the content of every file is known, else undefined. */
export function manifestOf(
  entries: readonly CopyEntry[],
  digestOf: (entry: CopyEntry) => Digest | undefined,
): Manifest | undefined {
  const manifest: Record<string, string> = {};
  for (const entry of entries) {
    const content = entry.body ? digestOf(entry) : "";
    if (content === undefined) return undefined;
    manifest[entry.header.path] = describe(entry.header, content);
  }
  return manifest;
}

function describe(header: EntryHeader, content: string): string {
  const { type, mode, uid, gid } = header;
  let text = `${type} ${mode.toString(8)} ${uid}:${gid}`;
  if (content !== "") text += ` ${content}`;
  else if (header.linkname !== "") text += ` -> ${header.linkname}`;
  if (type === "char" || type === "block") text += ` ${header.devmajor}:${header.devminor}`;
  if (header.xattrs)
    for (const [name, value] of [...header.xattrs].sort(([a], [b]) => (a < b ? -1 : 1)))
      text += ` ${name}=${Buffer.from(value).toString("base64")}`;
  return text;
}

/** One digest for a manifest. Entries are in the order they are written, which follows from their paths and sources. */
export function manifestDigest(manifest: Manifest): Digest {
  const lines: string[] = [];
  for (const path in manifest) lines.push(`${path}\0${manifest[path]}\0`);
  // Names that are no valid UTF-8 hold lone surrogates, which would all become one replacement character.
  const text = lines.join("");
  return sha256(text.isWellFormed() ? Buffer.from(text) : Buffer.from(text, "utf16le"));
}
