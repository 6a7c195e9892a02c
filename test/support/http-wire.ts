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
  async *body({ length }: Pick<Message, "length">, toEnd = false): AsyncGenerator<Buffer> {
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
  return { first, fields, headers, length: length === undefined ? undefined : Number(length) };
}
