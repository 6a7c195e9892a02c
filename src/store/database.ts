import { Database as SQLite } from "bun:sqlite";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { fromNodeError } from "../sys/index.ts";
import { layoutVersion, migrations, schema } from "./schema.ts";

/** What a column can hold. */
export type Value = string | bigint | Uint8Array | number | boolean | null;

/** How long a statement waits for another process's transaction, in milliseconds. All of ours are short. */
const busyTimeout = 30_000;

/** Pages of the log from which on a commit copies them into the tables. The next process reads what is left of it: 1 MiB takes it half a millisecond. */
const checkpointPages = 256;

/**
 * SQLite in WAL mode: readers never wait, one writer at a time in the whole machine. synchronous=NORMAL does not fsync each commit: a killed
 * process loses nothing (the kernel has its writes), a power cut may lose the last commits but never breaks the file,
 * and bytes are always synced before the row that names them.
 */
export class Database {
  #connection: SQLite | undefined;
  readonly #path: string;
  #depth = 0;
  #reading = false;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#connection = new SQLite(path, { create: true, readwrite: true, strict: true });
      this.#sqlite.run(`pragma busy_timeout = ${busyTimeout}`);
      this.#sqlite.run("pragma synchronous = normal");
      this.#sqlite.run(`pragma wal_autocheckpoint = ${checkpointPages}`);
    } catch (error) {
      throw storeError(error);
    }
    try {
      this.#prepare(path);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Errors: STORE_CLOSED. */
  checkOpen(): void {
    void this.#sqlite;
  }

  get #sqlite(): SQLite {
    if (this.#connection) return this.#connection;
    throw new StrakeError("STORE_CLOSED", `the store ${dirname(this.#path)} was closed`, {
      hint: "close an engine, or let its `using` end, when what it was asked for is done",
    });
  }

  #prepare(path: string): void {
    const version = this.#version();
    if (version > layoutVersion)
      throw new StrakeError(
        "STORE_VERSION",
        `${path} has layout version ${version}; this strake knows versions up to ${layoutVersion}`,
        { hint: "use the newer strake that wrote it, or another STRAKE_ROOT" },
      );
    if (version === 0) this.#create();
    else if (version < layoutVersion) this.#migrate();
  }

  get<Row>(sql: string, ...values: Value[]): Row | undefined {
    return attempt(() => (this.#sqlite.query(sql).get(...values) as Row | null) ?? undefined);
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return attempt(() => this.#sqlite.query(sql).all(...values) as Row[]);
  }

  /** Runs a statement; gives the number of rows changed. */
  run(sql: string, ...values: Value[]): number {
    return attempt(() => this.#sqlite.query(sql).run(...values).changes);
  }

  /**
   * Runs `work` as the only writer of the machine; what it changed is kept when it returns and undone when it throws. Calls nest.
   * Bytes are moved into and out of the store only inside it: that keeps rows and files in step.
   */
  write<T>(work: () => T): T {
    if (this.#reading) throw new StrakeError("INTERNAL", "a read of the store tried to write");
    if (this.#depth > 0) return work();
    attempt(() => this.#sqlite.run("begin immediate"));
    this.#depth++;
    let result: T;
    try {
      result = work();
      // What an async function does later would be outside.
      if (result instanceof Promise) throw new StrakeError("INTERNAL", "a write of the store cannot wait");
      attempt(() => this.#sqlite.run("commit"));
    } catch (error) {
      this.#rollback();
      throw error;
    } finally {
      this.#depth--;
    }
    return result;
  }

  /** Runs `work` as the only writer and undoes all it changed in the tables. */
  rehearse<T>(work: () => T): T {
    attempt(() => this.#sqlite.run("begin immediate"));
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      this.#rollback();
    }
  }

  /** Several reads that see one state. */
  read<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    attempt(() => this.#sqlite.run("begin"));
    this.#depth++;
    this.#reading = true;
    try {
      return work();
    } finally {
      this.#reading = false;
      this.#depth--;
      this.#rollback();
    }
  }

  get inTransaction(): boolean {
    return this.#depth > 0;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /**
   * Puts what this connection committed on the disk, for a process that ends without closing. A close by the last process syncs twice, copies the log
   * into the tables and removes it, and the next process makes and syncs another: four fsyncs where this is one, or none. Errors: SYS_*.
   */
  sync(): void {
    if (this.get<{ changes: number }>("select total_changes() as changes")!.changes === 0) return;
    try {
      const log = openSync(`${this.#path}-wal`, "r");
      try {
        fsyncSync(log);
      } finally {
        closeSync(log);
      }
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  /** SQLite itself has already rolled back after some errors (a full disk). */
  #rollback(): void {
    if (this.#sqlite.inTransaction) this.#sqlite.run("rollback");
  }

  #version(): number {
    return this.get<{ user_version: number }>("pragma user_version")!.user_version;
  }

  /** The first of several processes that opens an older store brings it up to date. */
  #migrate(): void {
    this.write(() => {
      for (let version = this.#version() + 1; version <= layoutVersion; version++) {
        attempt(() => this.#sqlite.run(migrations[version]!));
        this.run(`pragma user_version = ${version}`);
      }
    });
  }

  /** The first of several processes makes the tables; changing the journal mode is not covered by the busy timeout. */
  #create(): void {
    for (let tries = 0; ; tries++) {
      try {
        this.#sqlite.run("pragma journal_mode = wal");
        break;
      } catch (error) {
        if (tries > 500 || !/locked|busy/i.test(String(error))) throw storeError(error);
        Bun.sleepSync(10);
      }
    }
    this.write(() => {
      if (this.#version() > 0) return;
      attempt(() => this.#sqlite.run(schema));
      this.run(`pragma user_version = ${layoutVersion}`);
    });
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error);
  }
}

/** SQLite's result codes as errors of the store. */
function storeError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return error;
  const options = { cause: error };
  // Even reading needs 32 KiB for the shared index of the WAL.
  if (code.startsWith("SQLITE_FULL") || code === "SQLITE_IOERR_SHMSIZE")
    return new StrakeError("STORE_FULL", "the disk under the data root is full", {
      ...options,
      hint: "free disk space, for example with `strake gc`",
    });
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
    return new StrakeError("STORE_BUSY", "another process holds the store's lock", options);
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB"))
    return new StrakeError("STORE_CORRUPT", `the store's database is damaged: ${message(error)}`, options);
  if (code.startsWith("SQLITE_READONLY"))
    return new StrakeError("SYS_DENIED", "the store cannot be written: its database is read-only here", {
      ...options,
      hint: "set STRAKE_ROOT to a folder that you may write to",
    });
  if (/^SQLITE_(CANTOPEN|PERM|AUTH)/.test(code))
    return new StrakeError("SYS_DENIED", `the store's database cannot be opened: ${message(error)}`, options);
  return new StrakeError(
    "STORE_CORRUPT",
    `the store's database failed: ${message(error)} (${code})`,
    options,
  );
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
