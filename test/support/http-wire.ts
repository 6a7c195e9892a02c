import type { Socket } from "node:net";

/** The head of a request or an answer as it came. */
export interface Message {
  /** The request line or the status line. */
  readonly first: string;
  /** In their order and spelling. */
  readonly fields: readonly (readonly [string, string])[];
  /** Names in lowercase; the last one counts. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body; undefined when the head does not say. */
  readonly length: number | undefined;
  /** The body says itself where it ends (Transfer-Encoding: chunked). */
  readonly isChunked: boolean;
}

/** Cuts what comes over a connection into HTTP/1.1 messages, bodies byte for byte (chunked ones with their framing). */
export class HttpWire {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#source = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next head; undefined when the connection has ended, or when it speaks something else (TLS). */
  async head(): Promise<Message | undefined> {
    for (;;) {
      if (this.#rest.length > 0 && (this.#rest[0]! < 0x41 || this.#rest[0]! > 0x5a)) return undefined;
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end >= 0) {
        const lines = this.#rest.subarray(0, end).toString("latin1").split("\r\n");
        this.#rest = this.#rest.subarray(end + 4);
        const message = decode(lines);
        // 100 Continue is no answer yet.
        if (/^HTTP\/1\.1 1\d\d/.test(message.first)) continue;
        return message;
      }
      const more = await this.#next();
      if (!more) return undefined;
      this.#rest = Buffer.concat([this.#rest, more]);
    }
  }

  /** The body that follows a head; of an answer without a length, all until the end of the connection. */
  async *body(
    { length, isChunked = false }: Pick<Message, "length"> & Partial<Message>,
    toEnd = false,
  ): AsyncGenerator<Buffer> {
    if (isChunked) return yield* this.#chunks();
    let left = length ?? (toEnd ? Number.POSITIVE_INFINITY : 0);
    while (left > 0) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next();
      if (!chunk) return;
      this.#rest = chunk.subarray(Math.min(left, chunk.length));
      const part = chunk.subarray(0, chunk.length - this.#rest.length);
      left -= part.length;
      yield part;
    }
  }

  /** A body in chunks with all that frames them, up to the empty chunk and the line after it. */
  async *#chunks(): AsyncGenerator<Buffer> {
    for (let size = -1; size !== 0; ) {
      const line = await this.#until("\r\n");
      if (!line) return;
      size = Number.parseInt(line.toString("latin1"), 16);
      yield line;
      // A chunk, and the end of line behind it; behind the last one that of a trailer without fields.
      yield* this.body({ length: size + 2 });
    }
  }

  /** What comes up to and with some text; undefined when the connection ends before. */
  async #until(text: string): Promise<Buffer | undefined> {
    for (;;) {
      const at = this.#rest.indexOf(text);
      if (at >= 0) {
        const found = this.#rest.subarray(0, at + text.length);
        this.#rest = this.#rest.subarray(found.length);
        return found;
      }
      const more = await this.#next();
      if (!more) return undefined;
      this.#rest = Buffer.concat([this.#rest, more]);
    }
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { done, value } = await this.#source.next();
      return done ? undefined : value;
    } catch {
      // A reset is an end too.
      return undefined;
    }
  }
}

function decode([first = "", ...lines]: string[]): Message {
  const fields = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
  const length = headers["content-length"];
  const isChunked = headers["transfer-encoding"] !== undefined;
  return { first, fields, headers, isChunked, length: length === undefined ? undefined : Number(length) };
}
