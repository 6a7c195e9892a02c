/** What a worker does. Text, as a compiled executable has no file to start a worker from. */
const program = `
onmessage = ({ data: { memory, length, level } }) => {
  try {
    const packed = Bun.gzipSync(new Uint8Array(memory, 0, length), { level, library: "libdeflate" });
    new Uint8Array(memory).set(packed);
    postMessage({ length: packed.length });
  } catch (error) {
    postMessage({ failure: String(error) });
  }
};`;

interface Job {
  readonly memory: SharedArrayBuffer;
  readonly length: number;
  readonly level: number;
  readonly done: (length: number) => void;
  readonly failed: (error: Error) => void;
}

/** Threads that make gzip members with libdeflate, which Bun has as a synchronous call only. They live from the first `enter` to the last `leave`. */
export class GzipWorkers {
  readonly #limit: number;
  readonly #idle: Worker[] = [];
  readonly #running = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  #users = 0;
  #url: string | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Before `pack`; the threads are kept until as many `leave` have followed. */
  enter(): void {
    this.#users++;
  }

  leave(): void {
    if (--this.#users > 0) return;
    for (const worker of [...this.#idle.splice(0), ...this.#running.keys()]) worker.terminate();
    const lost = [...this.#running.values(), ...this.#waiting.splice(0)];
    this.#running.clear();
    for (const job of lost) job.failed(new Error("given up"));
  }

  /** Replaces the first `length` bytes of `memory` by a gzip member of them, for which there has to be room; gives its length. */
  pack(memory: SharedArrayBuffer, length: number, level: number): Promise<number> {
    return new Promise((done, failed) => {
      this.#waiting.push({ memory, length, level, done, failed });
      this.#next();
    });
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#running.size < this.#limit ? this.#start() : undefined);
    if (worker === undefined) return;
    const job = this.#waiting.shift()!;
    this.#running.set(worker, job);
    const { memory, length, level } = job;
    worker.postMessage({ memory, length, level });
  }

  #start(): Worker {
    // Never revoked: a worker reads it some time after it was made.
    this.#url ??= URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    const worker = new Worker(this.#url, { smol: true });
    const end = (settle: (job: Job) => void, reuse: boolean) => {
      const job = this.#running.get(worker);
      if (job === undefined) return;
      this.#running.delete(worker);
      if (reuse) this.#idle.push(worker);
      settle(job);
      this.#next();
    };
    worker.onmessage = ({ data }: MessageEvent<{ length?: number; failure?: string }>) =>
      end((job) => {
        if (data.length === undefined) job.failed(new Error(`gzip failed: ${data.failure}`));
        else job.done(data.length);
      }, true);
    worker.onerror = (event) =>
      end((job) => job.failed(new Error(`a thread that packs ended: ${event.message}`)), false);
    return worker;
  }
}
