import type { TableMemory } from "../erofs/index.ts";
import { Collections, FileMemory } from "../sys/index.ts";

/** Releases between collections of the young: some 30,000 steps over the tables, and all that was left behind by them. */
const collectEvery = 64;
const fullEvery = 8;

/** Memory for the tables of one layer's index. While they are large enough for a file, the heap is kept small as well. */
export class IndexMemory implements TableMemory {
  readonly #file: FileMemory;
  readonly #collections = new Collections({ every: collectEvery, fullEvery });

  /** `path`: see FileMemory. */
  constructor(path: string) {
    this.#file = new FileMemory(path);
  }

  allocate(bytes: number): ArrayBuffer {
    return this.#file.allocate(bytes);
  }

  release(): void {
    if (this.#file.fileBytes === 0) return;
    this.#file.release();
    this.#collections.passed(1);
  }

  /** Idempotent. What was allocated must not be touched any more. */
  close(): void {
    this.#file.close();
  }
}
