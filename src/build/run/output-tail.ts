const utf8 = new TextDecoder();

/** Keeps the end of a command's output for the error that may follow. */
export class OutputTail {
  readonly #limit: number;
  #text = "";

  /** `limit` in characters. */
  constructor(limit = 4096) {
    this.#limit = limit;
  }

  add(data: Uint8Array): void {
    this.#text = (this.#text + utf8.decode(data.subarray(-this.#limit * 4))).slice(-this.#limit);
  }

  /** The end of it, as it came. */
  get text(): string {
    return this.#text;
  }

  /** The last lines, at most so many, without control sequences. */
  lines(count = 10): string[] {
    // Terminal colours and carriage returns of progress bars would garble the error.
    // biome-ignore lint/complexity/useRegexLiterals: the escape character is clearer by its number.
    const escapes = new RegExp("\\u001b\\[[0-9;?]*[A-Za-z]", "g");
    const lines = this.#text
      .replace(escapes, "")
      .split("\n")
      .map((line) => line.slice(line.lastIndexOf("\r", line.length - 2) + 1).trimEnd());
    while (lines.at(-1) === "") lines.pop();
    return lines.slice(-count);
  }
}
