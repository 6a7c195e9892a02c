import { StrakeError } from "../../../errors/index.ts";
import type { RegistryEvent } from "../events.ts";
import { wait } from "../wait.ts";
import { checkTarget, type Delivery, deliveryOf, requestOf, type WebhookTarget, wants } from "./target.ts";

export interface WebhookOptions {
  /** Events that wait for one target; more are dropped. 1000 when absent. */
  readonly queue?: number;
  /** Attempts for one event; 6 when absent. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled before each further one; a second when absent. */
  readonly backOff?: number;
  /** Milliseconds for one attempt; ten seconds when absent. */
  readonly timeout?: number;
}

export type WebhookOutcome = "delivered" | "failed" | "dropped";

/** Hears what became of each event; with the first of several failures in a row, what is wrong. */
export type OnOutcome = (outcome: WebhookOutcome, problem?: StrakeError) => void;

const longestWait = 60_000;

/** Tells targets of events, each target in the order in which they happened. */
export class Webhooks {
  readonly #queues: Queue[];

  /** Throws USAGE. */
  constructor(targets: readonly WebhookTarget[], options: WebhookOptions, onOutcome: OnOutcome) {
    for (const target of targets) checkTarget(target);
    this.#queues = targets.map((target) => new Queue(target, options, onOutcome));
  }

  emit(event: RegistryEvent): void {
    const interested = this.#queues.filter(({ target }) => wants(target, event));
    if (interested.length === 0) return;
    const delivery = deliveryOf(event);
    for (const queue of interested) queue.add(delivery);
  }

  /** Delivers what waits for at most so many milliseconds and gives up the rest. */
  async close(grace: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, grace);
    });
    await Promise.race([Promise.all(this.#queues.map((queue) => queue.idle)), late]);
    clearTimeout(timer);
    for (const queue of this.#queues) queue.stop();
    await Promise.all(this.#queues.map((queue) => queue.idle));
  }
}

/** What waits for one target: a target that hangs holds up no other. */
class Queue {
  readonly target: WebhookTarget;
  /** Resolves when nothing waits. */
  idle: Promise<void> = Promise.resolve();
  readonly #options: WebhookOptions;
  readonly #onOutcome: OnOutcome;
  readonly #waiting: Delivery[] = [];
  readonly #stopped = new AbortController();
  #busy = false;
  #isFailing = false;

  constructor(target: WebhookTarget, options: WebhookOptions, onOutcome: OnOutcome) {
    this.target = target;
    this.#options = options;
    this.#onOutcome = onOutcome;
  }

  add(delivery: Delivery): void {
    if (this.#stopped.signal.aborted || this.#waiting.length >= (this.#options.queue ?? 1000)) {
      this.#onOutcome("dropped");
      return;
    }
    this.#waiting.push(delivery);
    if (!this.#busy) this.idle = this.#work();
  }

  stop(): void {
    this.#stopped.abort();
    for (const _ of this.#waiting.splice(0)) this.#onOutcome("dropped");
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let delivery = this.#waiting.shift(); delivery; delivery = this.#waiting.shift()) {
      const problem = await this.#deliver(delivery);
      // A receiver that is away for hours is no news with every event.
      const isNews = problem !== undefined && !this.#isFailing && !this.#stopped.signal.aborted;
      this.#isFailing = problem !== undefined;
      this.#onOutcome(
        problem === undefined ? "delivered" : "failed",
        isNews ? undelivered(this.target, delivery, problem) : undefined,
      );
    }
    this.#busy = false;
  }

  /** What the last attempt met; undefined when the event was taken. */
  async #deliver(delivery: Delivery): Promise<string | undefined> {
    const { attempts = 6, backOff = 1000 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const result = await this.#attempt(delivery);
      if (result === "delivered") return undefined;
      if (result.wait === undefined || this.#stopped.signal.aborted || attempt >= attempts)
        return result.problem;
      const pause = Math.min(Math.max(backOff * 2 ** (attempt - 1), result.wait), longestWait);
      await wait(pause, this.#stopped.signal);
    }
  }

  /** With `wait`, milliseconds at least, it is worth another attempt. */
  async #attempt(delivery: Delivery): Promise<"delivered" | { problem: string; wait?: number }> {
    const timeout = AbortSignal.timeout(this.#options.timeout ?? 10_000);
    const signal = AbortSignal.any([timeout, this.#stopped.signal]);
    try {
      const response = await fetch(this.target.url, { ...requestOf(this.target, delivery), signal });
      await response.body?.cancel();
      if (response.ok) return "delivered";
      const { status } = response;
      // Anything else below 500 would be answered the same way again.
      const problem = `it answered ${status}`;
      if (status < 500 && status !== 408 && status !== 429) return { problem };
      return { problem, wait: (Number(response.headers.get("retry-after")) || 0) * 1000 };
    } catch (error) {
      const { name, code } = error as { name?: string; code?: unknown };
      const problem =
        name === "TimeoutError" ? "it did not answer" : `it could not be reached (${code ?? name})`;
      return { problem, wait: 0 };
    }
  }
}

/** The URL may hold a secret in its path or query: its origin says who it is. */
function undelivered({ url }: WebhookTarget, { type }: Delivery, problem: string): StrakeError {
  return new StrakeError("WEBHOOK_FAILED", `${new URL(url).origin} was not told of ${type}: ${problem}`, {
    hint: "it is told of what comes; more failures in a row are only counted (strake_registry_webhooks_total)",
  });
}
