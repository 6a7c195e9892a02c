import { zlib } from "./zlib.ts";

/** Output comes in pieces of this size. */
const pieceSize = 512 << 10;

/**
 * What stands below a zlib stream of Node and of Bun. It is not documented, yet older than the streams' present form and used by
 * others (npm's minizlib): `inflater` looks whether it is what is expected, and whoever gets none takes the stream.
 */
interface Handle {
  init(
    windowBits: number,
    level: number,
    memLevel: number,
    strategy: number,
    /** After a write: bytes of output left, bytes of input left. */
    state: Uint32Array,
    done: () => void,
    dictionary: undefined,
  ): void;
  /** Runs in another thread; calls `done`, or `onerror`. */
  write(
    ...call: [
      flush: number,
      input: Uint8Array | null,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ]
  ): void;
  close(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/** GUNZIP among Node's modes: gzip members in a row. */
const gunzipMode = 4;

function openHandle(): (new (mode: number) => Handle) | undefined {
  const stream = zlib().createGunzip() as unknown as { _handle?: Handle; close(): void };
  const handle = stream._handle;
  const fits =
    typeof handle?.init === "function" &&
    typeof handle.write === "function" &&
    typeof handle.close === "function";
  const Handle = fits ? (handle.constructor as new (mode: number) => Handle) : undefined;
  stream.close();
  return Handle;
}

interface Step {
  readonly consumed: number;
  readonly produced: number;
}

/** One gzip stream being unpacked by another thread. */
class Inflater {
  readonly #handle: Handle;
  readonly #state = new Uint32Array(2);
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(handle: Handle) {
    this.#handle = handle;
    handle.onerror = (message, errno, code) => {
      this.#settle?.reject(Object.assign(new Error(message), { errno, code }));
    };
    handle.init(15, -1, 8, 0, this.#state, () => this.#settle?.resolve(), undefined);
  }

  async run(flush: number, input: Uint8Array, output: Uint8Array): Promise<Step> {
    await new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#handle.write(flush, input, 0, input.byteLength, output, 0, output.byteLength);
    });
    return {
      produced: output.byteLength - this.#state[0]!,
      consumed: input.byteLength - this.#state[1]!,
    };
  }

  close(): void {
    this.#handle.close();
  }
}

function createInflater(): Inflater | undefined {
  try {
    const Handle = openHandle();
    return Handle && new Inflater(new Handle(gunzipMode));
  } catch {
    return undefined;
  }
}

/**
 * gunzip with two pieces of memory in turn: while the caller works on one the other is filled, so that a single stream keeps two cores
 * busy, and nothing is left to the collector. A piece is only good until the next one is asked for. Undefined
 * where Node's stream has to do it. Errors as Node's streams have them.
 */
export function inflate(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> | undefined {
  const inflater = createInflater();
  return inflater && pieces(source, inflater);
}

async function* pieces(
  source: AsyncIterable<Uint8Array>,
  inflater: Inflater,
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = [new Uint8Array(pieceSize), new Uint8Array(pieceSize)];
  const iterator = source[Symbol.asyncIterator]();
  let running: Promise<Step> | undefined;
  let input: Uint8Array = new Uint8Array(0);
  let isLast = false;
  let isFull = false;
  let ready: Uint8Array | undefined;
  try {
    for (let turn = 0; ; turn ^= 1) {
      // After a full piece zlib may hold more, without any input left.
      while (input.byteLength === 0 && !isLast && !isFull) {
        const next = await iterator.next();
        if (next.done) isLast = true;
        // What was used up may be gone: not even nothing of it can be given to zlib.
        input = next.done ? new Uint8Array(0) : next.value;
      }
      const output = memory[turn]!;
      running = inflater.run(isLast ? zlib().constants.Z_FINISH : zlib().constants.Z_NO_FLUSH, input, output);
      // Whoever walks away now leaves no failure behind that nobody hears of.
      running.catch(() => {});
      if (ready !== undefined) yield ready;
      const { consumed, produced } = await running;
      running = undefined;
      ready = produced > 0 ? output.subarray(0, produced) : undefined;
      input = input.subarray(consumed);
      isFull = produced === pieceSize;
      // Room left and input left: the stream has ended, and what follows it is padding.
      if (!isFull && (isLast || input.byteLength > 0)) break;
    }
    if (ready !== undefined) yield ready;
  } finally {
    await running?.catch(() => {});
    inflater.close();
    await iterator.return?.();
  }
}
