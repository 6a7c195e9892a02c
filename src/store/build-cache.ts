import type { Database } from "./database.ts";
import { compressed, type LongText } from "./long-text.ts";
import { addRef, dropRefs, isStored, type Ref } from "./refs.ts";

/** The result of one build step, remembered under the hash of everything it depends on. */
export interface CacheRecord {
  readonly key: string;
  /** Whatever the builder stored; JSON. */
  readonly result: unknown;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly usedAt: number;
}

export interface PutCacheOptions {
  readonly result: unknown;
  /** Every input of the key, for `strake why`; JSON. Read back by `inputs`, never by `get`. */
  readonly inputs: unknown;
  /** More inputs, by name; `inputs` is then an object with others. */
  readonly texts?: Readonly<Record<string, LongText>>;
  /** What the result needs. The record keeps it alive and is only given while the store has it. */
  readonly refs: readonly Ref[];
}

type Inputs = Pick<PutCacheOptions, "inputs" | "texts">;

/** Last use is noted this coarsely (milliseconds), so that a cached build does not write. */
const touchGrain = 60_000;

const decoder = new TextDecoder();

export class BuildCache {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(key: string): CacheRecord | undefined {
    const row = this.#database.get<{ result: string; created_at: number; used_at: number }>(
      "select result, created_at, used_at from cache_records where key = ?",
      key,
    );
    if (!row) return undefined;
    if (Date.now() - row.used_at > touchGrain) this.touch(key);
    return { key, result: JSON.parse(row.result), createdAt: row.created_at, usedAt: row.used_at };
  }

  /**
   * Stores a result; an earlier one of this key is replaced. False, and nothing stored, when something the result
   * needs is not in the store (the caller held no lease on it).
   */
  put(key: string, options: PutCacheOptions): boolean {
    const { result, ...rest } = options;
    return this.replace(key, () => result, rest) !== undefined;
  }

  /**
   * As `put`, with a result made of the earlier one, which nobody changes in between. What is stored then; undefined where `put` says
   * false.
   */
  replace<T>(
    key: string,
    make: (before: unknown) => T,
    options: Omit<PutCacheOptions, "result">,
  ): T | undefined {
    return this.#database.write(() => {
      if (!options.refs.every((ref) => isStored(this.#database, ref))) return undefined;
      const result = make(this.get(key)?.result);
      const now = Date.now();
      const text = JSON.stringify(result);
      this.#database.run("insert or replace into cache_records values (?, ?, ?, ?)", key, text, now, now);
      this.#dropInputs(key);
      let part = 0;
      for (const bytes of inputParts(options))
        this.#database.run("insert into cache_inputs values (?, ?)", partKey(key, part++), bytes);
      dropRefs(this.#database, "cache", key);
      for (const ref of options.refs) addRef(this.#database, "cache", key, ref);
      return result;
    });
  }

  /** The inputs of a record's key, or undefined when there is no such record. */
  inputs(key: string): unknown {
    const rows = this.#database.all<{ inputs: Uint8Array }>(
      `select inputs from cache_inputs where ${ofKey} order by key`,
      ...[key, key, key],
    );
    if (rows.length === 0) return undefined;
    const bytes = Buffer.concat(rows.map(({ inputs }) => inputs));
    return JSON.parse(decoder.decode(Bun.zstdDecompressSync(bytes)));
  }

  /** Notes that the record was used now. */
  touch(key: string): void {
    this.#database.run("update cache_records set used_at = ? where key = ?", Date.now(), key);
  }

  /** All records, the most recently used first. */
  list(): CacheRecord[] {
    const rows = this.#database.all<{ key: string; result: string; created_at: number; used_at: number }>(
      "select * from cache_records order by used_at desc, key",
    );
    return rows.map((row) => ({
      key: row.key,
      result: JSON.parse(row.result),
      createdAt: row.created_at,
      usedAt: row.used_at,
    }));
  }

  remove(key: string): boolean {
    return this.#database.write(() => {
      dropRefs(this.#database, "cache", key);
      this.#dropInputs(key);
      return this.#database.run("delete from cache_records where key = ?", key) > 0;
    });
  }

  #dropInputs(key: string): void {
    this.#database.run(`delete from cache_inputs where ${ofKey}`, key, key, key);
  }
}

/** The first row of a record's inputs has its key, those behind it a space and their number more. */
const ofKey = "(key = ? or (key > ? || ' ' and key < ? || '!'))";

function partKey(key: string, part: number): string {
  return part === 0 ? key : `${key} ${String(part).padStart(8, "0")}`;
}

/** Bytes of a row of inputs, of which SQLite makes copies while it writes it. */
const partSize = 256 << 10;

/**
 * The inputs as JSON in Zstandard frames, which one decompression takes as one, in pieces of whole frames. A piece is good until the
 * next one is asked for.
 */
function* inputParts(options: Inputs): Generator<Uint8Array> {
  let buffer = Buffer.alloc(0);
  let frames: Uint8Array[] = [];
  let size = 0;
  const joined = () => {
    if (buffer.length < size) buffer = Buffer.allocUnsafe(size);
    let at = 0;
    for (const frame of frames) {
      buffer.set(frame, at);
      at += frame.length;
    }
    return buffer.subarray(0, at);
  };
  for (const frame of inputFrames(options)) {
    if (size > 0 && size + frame.length > partSize) {
      yield joined();
      frames = [];
      size = 0;
    }
    frames.push(frame);
    size += frame.length;
  }
  yield joined();
}

function* inputFrames({ inputs, texts = {} }: Inputs): Generator<Uint8Array> {
  const rest = JSON.stringify(inputs);
  let open = "{";
  for (const [name, text] of Object.entries(texts)) {
    yield compressed(`${open}${JSON.stringify(name)}:"`);
    yield* text.frames;
    open = '",';
  }
  yield compressed(open === "{" ? rest : open + rest.slice(1));
}
