import type { TableMemory } from "../../erofs/index.ts";
import { createDigester, type Digest } from "../../oci/index.ts";
import { LongText } from "../../store/index.ts";
import type { EntryHeader } from "../../tar/index.ts";

/**
 * What a copy writes: everything about its entries but their times. A copy with the same manifest makes the same
 * files, so its digest is the cache key: what is not written does not count, what is written always does. Of the mode all
 * twelve bits that the layer stores count; with an octal `--chmod` the source's do not.
 */
export class Manifest {
  readonly #digester = createDigester();
  readonly #text: LongText;
  #hashed = "";
  #shown = "";
  #result: Digest | undefined;

  /** `memory`: for the text. */
  constructor(memory?: TableMemory) {
    this.#text = new LongText(memory);
  }

  /** `content`: the digest of a file's bytes, "" for what has none. */
  add(header: EntryHeader, content: string): void {
    const text = describe(header);
    this.#hashed += `${header.path}\0${text} ${content}\0`;
    this.#shown += `${header.path}\0${text} ${content.slice(0, shownLength)}\0`;
    if (this.#hashed.length > flushLength) this.#flush();
  }

  /**
   * Path and description by turns, each ended by NUL, in the order of writing. Stored so that a changed file can be named; digests
   * are shortened to what tells two apart.
   */
  get text(): LongText {
    this.#flush();
    return this.#text;
  }

  /** The digest of everything added. Nothing can be added afterwards. */
  digest(): Digest {
    this.#flush();
    this.#result ??= this.#digester.digest();
    return this.#result;
  }

  #flush(): void {
    const text = this.#hashed;
    if (text === "") return;
    // Names that are no valid UTF-8 hold lone surrogates, which would all become one replacement character.
    this.#digester.update(Buffer.from(text, text.isWellFormed() ? "utf8" : "utf16le"));
    this.#text.append(this.#shown);
    this.#hashed = "";
    this.#shown = "";
  }
}

/** Characters gathered before they are hashed. */
const flushLength = 64 * 1024;
/** `sha256:` and 16 digits. */
const shownLength = 23;

/** The items of a manifest's text by path. */
export function manifestItems(text: string): Map<string, string> {
  const parts = text.split("\0");
  const items = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length; i += 2) items.set(parts[i]!, parts[i + 1]!);
  return items;
}

function describe(header: EntryHeader): string {
  const { type, mode, uid, gid } = header;
  let text = `${type} ${mode.toString(8)} ${uid}:${gid}`;
  if (header.linkname !== "") text += ` -> ${header.linkname}`;
  if (type === "char" || type === "block") text += ` ${header.devmajor}:${header.devminor}`;
  if (header.xattrs)
    for (const [name, value] of [...header.xattrs].sort(([a], [b]) => (a < b ? -1 : 1)))
      text += ` ${name}=${Buffer.from(value).toString("base64")}`;
  return text;
}
