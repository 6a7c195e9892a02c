import { StrakeError } from "../errors/index.ts";
import type { Database } from "./database.ts";
import { addRef, dropRefs, isStored, type Ref } from "./refs.ts";

export type RecordKind = "container" | "network" | "volume" | "list";

/** A container, network, volume or manifest list as its floor keeps it. */
export interface StoredRecord<State> {
  readonly id: string;
  /** Unique among the records of its kind. */
  readonly name: string;
  readonly state: State;
  /** Grows with every change. */
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/**
 * The records of one kind: an ID, a unique name, JSON state, and what they keep alive. Every call is atomic across
 * processes. Errors: RECORD_NOT_FOUND, RECORD_AMBIGUOUS, RECORD_EXISTS.
 */
export class Records<State = unknown> {
  readonly kind: RecordKind;
  readonly #database: Database;

  constructor(database: Database, kind: RecordKind) {
    this.#database = database;
    this.kind = kind;
  }

  /** The same records, with the type that their floor gives their state. */
  as<T>(): Records<T> {
    return this as unknown as Records<T>;
  }

  /** Errors: RECORD_EXISTS, RECORD_NAME_INVALID; IMAGE_INCOMPLETE when something in `refs` is not in the store. */
  create(record: {
    readonly id: string;
    readonly name: string;
    readonly state: State;
    /** What the record keeps alive: the image of a container, and its layers should the image be removed by force. */
    readonly refs?: readonly Ref[];
  }): StoredRecord<State> {
    for (const name of [record.id, record.name]) checkName(this.kind, name);
    return this.#database.write(() => {
      const rival = this.#row("id = ?2 or name = ?3", record.id, record.name);
      if (rival) throw this.#taken(rival);
      const now = Date.now();
      const state = JSON.stringify(record.state);
      this.#database.run(
        "insert into records values (?, ?, ?, ?, 1, ?, ?)",
        ...[this.kind, record.id, record.name, state, now, now],
      );
      for (const ref of record.refs ?? []) {
        if (!isStored(this.#database, ref))
          throw new StrakeError("IMAGE_INCOMPLETE", `${ref.kind} ${ref.key} is not in the store`);
        addRef(this.#database, this.kind, record.id, ref);
      }
      return this.#find(record.id);
    });
  }

  /** By ID, name, or unambiguous beginning of an ID, tried in this order. */
  get(name: string): StoredRecord<State> | undefined {
    const row = this.#row("id = ?2", name) ?? this.#row("name = ?2", name);
    if (row || name === "") return row && this.#record(row);
    const rows = this.#database.all<Row>(
      "select * from records where kind = ?1 and substr(id, 1, length(?2)) = ?2 limit 2",
      ...[this.kind, name],
    );
    if (rows.length > 1)
      throw new StrakeError("RECORD_AMBIGUOUS", `several ${this.kind}s have an ID that begins with ${name}`);
    return rows[0] && this.#record(rows[0]);
  }

  /** As `get`, but an error when there is none. */
  find(name: string): StoredRecord<State> {
    const record = this.get(name);
    if (record) return record;
    throw new StrakeError("RECORD_NOT_FOUND", `there is no ${this.kind} ${JSON.stringify(name)}`);
  }

  /** All of the kind, the newest first. */
  list(): StoredRecord<State>[] {
    const rows = this.#database.all<Row>(
      "select * from records where kind = ? order by created_at desc, id",
      this.kind,
    );
    return rows.map((row) => this.#record(row));
  }

  /**
   * Replaces the state with what `change` makes of the one stored now; no other process comes between. `change` refuses
   * by throwing; undefined leaves it as it is. `id` is the full ID.
   */
  update(id: string, change: (state: State) => State | undefined): StoredRecord<State> {
    return this.#database.write(() => {
      const before = this.#find(id);
      const state = change(before.state);
      if (state === undefined) return before;
      this.#database.run(
        "update records set state = ?, version = version + 1, updated_at = ? where kind = ? and id = ?",
        ...[JSON.stringify(state), Date.now(), this.kind, id],
      );
      return this.#find(id);
    });
  }

  /** Errors: RECORD_EXISTS, RECORD_NAME_INVALID, RECORD_NOT_FOUND. */
  rename(id: string, name: string): StoredRecord<State> {
    checkName(this.kind, name);
    return this.#database.write(() => {
      this.#find(id);
      const rival = this.#row("name = ?2 and id <> ?3", name, id);
      if (rival) throw this.#taken(rival);
      this.#database.run(
        "update records set name = ?, version = version + 1, updated_at = ? where kind = ? and id = ?",
        ...[name, Date.now(), this.kind, id],
      );
      return this.#find(id);
    });
  }

  /** Removes the record; `guard` may refuse by throwing. False when there is none of this full ID. */
  remove(id: string, guard?: (state: State) => void): boolean {
    return this.#database.write(() => {
      const row = this.#row("id = ?2", id);
      if (!row) return false;
      guard?.(this.#record(row).state);
      dropRefs(this.#database, this.kind, id);
      return this.#database.run("delete from records where kind = ? and id = ?", this.kind, id) > 0;
    });
  }

  #find(id: string): StoredRecord<State> {
    const row = this.#row("id = ?2", id);
    if (row) return this.#record(row);
    throw new StrakeError("RECORD_NOT_FOUND", `there is no ${this.kind} ${id}`);
  }

  /** `condition` counts its parameters from ?2. */
  #row(condition: string, ...values: string[]): Row | undefined {
    return this.#database.get<Row>(
      `select * from records where kind = ?1 and (${condition})`,
      this.kind,
      ...values,
    );
  }

  #record(row: Row): StoredRecord<State> {
    return {
      id: row.id,
      name: row.name,
      state: JSON.parse(row.state) as State,
      version: row.version,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    };
  }

  #taken(rival: Row): StrakeError {
    return new StrakeError(
      "RECORD_EXISTS",
      `the ${this.kind} name ${JSON.stringify(rival.name)} is taken by ${rival.id.slice(0, 12)}`,
      { hint: `remove or rename that ${this.kind}, or choose another name` },
    );
  }
}

/** IDs and volume names become names of folders (CVE-2014-9358): no slash, no leading dot, not too long for any file system. */
function checkName(kind: RecordKind, name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(name)) return;
  throw new StrakeError(
    "RECORD_NAME_INVALID",
    `${JSON.stringify(name.slice(0, 160))} cannot name a ${kind}`,
    {
      hint: "names consist of letters, digits, _ . and -, and start with a letter or digit",
    },
  );
}
