import { checkArgument, StrakeError } from "../../errors/index.ts";
import type { Records, Ref } from "../../store/index.ts";
import type { ContainerRecord, ContainerRecords } from "../lifecycle/record.ts";
import { notFound } from "../lifecycle/refresh.ts";

/** The records of containers in the store. A container keeps its image and layers from being collected. */
export class StoredRecords implements ContainerRecords {
  readonly #records: Records<ContainerRecord>;

  constructor(records: Records) {
    this.#records = records.as<ContainerRecord>();
  }

  insert(record: ContainerRecord): void {
    const refs: Ref[] = record.image.layers.map((key) => ({ kind: "layer", key }));
    if (record.image.id !== "") refs.push({ kind: "image", key: record.image.id });
    this.#orTaken(record.name, () => {
      this.#records.create({ id: record.id, name: record.name, state: record, refs });
    });
  }

  find(reference: string): ContainerRecord {
    checkArgument("a container's name or ID", reference, "string");
    const row = this.#records.get(reference.replace(/^\//, ""));
    if (row === undefined)
      throw notFound(
        reference,
        this.#records.list().map(({ name }) => name),
      );
    return withName(row.state, row.name);
  }

  get(id: string): ContainerRecord | undefined {
    const row = this.#records.get(id);
    return row?.id === id ? withName(row.state, row.name) : undefined;
  }

  list(): ContainerRecord[] {
    return this.#records.list().map((row) => withName(row.state, row.name));
  }

  update(id: string, change: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined {
    try {
      const row = this.#records.update(id, change);
      return withName(row.state, row.name);
    } catch (error) {
      if (error instanceof StrakeError && error.code === "RECORD_NOT_FOUND") return undefined;
      throw error;
    }
  }

  rename(id: string, name: string): void {
    this.#orTaken(name, () => {
      this.#records.rename(id, name);
    });
  }

  remove(id: string): void {
    this.#records.remove(id);
  }

  #orTaken(name: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof StrakeError) || error.code !== "RECORD_EXISTS") throw error;
      throw new StrakeError(
        "CONTAINER_NAME_TAKEN",
        `the name "${name}" is already used by another container`,
        {
          hint: `Remove that one (\`strake rm ${name}\`), rename it, or choose another name.`,
          exitCode: 125,
        },
      );
    }
  }
}

/** The store's name counts: it is the one that is unique. */
function withName(record: ContainerRecord, name: string): ContainerRecord {
  return record.name === name ? record : { ...record, name };
}
