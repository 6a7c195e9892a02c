import { createDigester, type Digest, type DigestAlgorithm, type Digester } from "../../oci/index.ts";
import { freeChunk } from "../../sys/index.ts";
import type { Traffic } from "./core.ts";
import { leave } from "./http/linger.ts";
import { Refusal } from "./protocol/refusal.ts";

/** The running digest of an upload that this process has seen from its first byte. */
export class Session {
  readonly algorithm: DigestAlgorithm;
  /** Bytes hashed. */
  position = 0;
  /** The upload's version after the last byte that was hashed. */
  version: string;
  readonly #digester: Digester;

  constructor(algorithm: DigestAlgorithm, version: string) {
    this.algorithm = algorithm;
    this.version = version;
    this.#digester = createDigester(algorithm);
  }

  update(chunk: Uint8Array): void {
    this.#digester.update(chunk);
    this.position += chunk.byteLength;
  }

  digest(): Digest {
    return this.#digester.digest();
  }
}

/** Milliseconds that whoever asks about an upload waits for its end. */
const settleLimit = 10_000;
/** Sessions kept at once beside those that somebody works on; one that was dropped is only hashed again from storage at its end. */
const sessionLimit = 4096;

/**
 * What is remembered of uploads between requests. It is a shortcut and never the truth: an upload that another process
 * began, or this one before a restart, is finished by hashing what is stored.
 */
export class Sessions {
  readonly #known = new Map<string, Session>();
  readonly #busy = new Map<string, Turn>();

  begin(id: string, algorithm: DigestAlgorithm, version: string): Session {
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < sessionLimit) break;
      if (!this.#busy.has(oldest)) this.#known.delete(oldest);
    }
    const session = new Session(algorithm, version);
    this.#known.set(id, session);
    return session;
  }

  /** The session if it has hashed exactly the stored bytes. */
  at(upload: {
    readonly id: string;
    readonly length: number;
    readonly version: string;
  }): Session | undefined {
    const session = this.#known.get(upload.id);
    if (session?.position === upload.length && session.version === upload.version) return session;
    this.#known.delete(upload.id);
    return undefined;
  }

  end(id: string): void {
    this.#known.delete(id);
  }

  isBusy(id: string): boolean {
    return this.#busy.has(id);
  }

  /** When a request that has all its bytes and only has to store them is through. One that still waits for bytes is not waited for. */
  async settled(id: string): Promise<void> {
    const turn = this.#busy.get(id);
    if (turn && turn.giveUp === undefined) await Promise.race([turn.end.promise, Bun.sleep(settleLimit)]);
  }

  /**
   * One request at a time works on an upload. A second one takes over while the first still waits for bytes: whoever
   * comes again has lost the connection that the first one came on, which we may not hear of for minutes. A first one
   * that has all its bytes is let finish, and the second one asked to come again.
   */
  async exclusively<T>(id: string, work: (turn: Turn) => Promise<T>): Promise<T> {
    const before = this.#busy.get(id);
    if (before?.giveUp) await before.giveUp();
    if (this.#busy.has(id))
      throw new Refusal("TOOMANYREQUESTS", "another request is still working on this upload", {
        headers: { "Retry-After": "1" },
      });
    const turn: Turn = { giveUp: undefined, end: Promise.withResolvers() };
    this.#busy.set(id, turn);
    try {
      return await work(turn);
    } finally {
      this.#busy.delete(id);
      turn.end.resolve();
    }
  }
}

/** One request's time with an upload. */
export interface Turn {
  /** Ends the waiting for bytes, and with it the turn; undefined while there is no such waiting. */
  giveUp: (() => Promise<void>) | undefined;
  readonly end: { readonly promise: Promise<void>; readonly resolve: () => void };
}

/** The bytes of a request's body, until somebody else takes over. A chunk is only good until the next one is asked for. */
export async function* takeable(
  body: ReadableStream<Uint8Array>,
  turn: Turn,
  traffic: Traffic,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  let taken = false;
  let ended = false;
  turn.giveUp = () => {
    taken = true;
    reader.cancel().catch(() => {});
    return turn.end.promise;
  };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (taken) throw new Refusal("BLOB_UPLOAD_INVALID", "another request went on with this upload");
      if (done) break;
      traffic.received += value.byteLength;
      yield value;
      freeChunk(value);
    }
    ended = true;
  } finally {
    turn.giveUp = undefined;
    if (!ended) leave(body, reader);
  }
}
