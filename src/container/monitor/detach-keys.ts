import { StrakeError } from "../../errors/index.ts";

/** Looks for the keys that detach in what the user types. They are held back until it is clear that they are not meant so. */
export class DetachKeys {
  readonly #keys: readonly number[];
  #matched = 0;

  /** `ctrl-p,ctrl-q`: a comma between keys; a key is a character or `ctrl-` and one of `a-z @ ^ [ , _`. "" detaches never. */
  constructor(text: string) {
    this.#keys = text === "" ? [] : text.split(",").map(parseKey);
  }

  filter(input: Uint8Array): { data: Uint8Array; detach: boolean } {
    if (this.#keys.length === 0) return { data: input, detach: false };
    const data: number[] = [];
    for (const byte of input) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.length) return { data: Uint8Array.from(data), detach: true };
        continue;
      }
      data.push(...this.#keys.slice(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0]) this.#matched = 1;
      else data.push(byte);
    }
    return { data: Uint8Array.from(data), detach: false };
  }
}

function parseKey(text: string): number {
  if (text.length === 1) return text.charCodeAt(0);
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(text.toLowerCase())?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  throw new StrakeError("CONTAINER_OPTIONS_INVALID", `"${text}" is not a key`, {
    hint: "Write keys as ctrl-p,ctrl-q.",
    exitCode: 125,
  });
}
