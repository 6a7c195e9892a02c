import type { IncomingMessage } from "node:http";

/** What a body's reader does to the connection it comes on. */
export interface BodyEvents {
  /** Called before the first chunk is taken from it. */
  readonly begin?: () => void;
  /** Called when the reader wants no more of it. */
  readonly cancel?: () => void;
  /** Milliseconds without a byte for which one is waited for, before the connection is cut. */
  readonly patience?: number;
}

/**
 * A message's body as a stream that takes a chunk from the connection only when one is asked for. It fails when the connection ends before the
 * body does.
 */
export function messageBody(message: IncomingMessage, events: BodyEvents = {}): ReadableStream<Uint8Array> {
  let begun = false;
  let ended = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = (close: () => void) => {
          clearTimeout(silence);
          if (ended) return;
          ended = true;
          close();
        };
        const fail = (error: Error) => end(() => controller.error(error));
        message.on("data", ({ buffer, byteOffset, byteLength }: Buffer<ArrayBuffer>) => {
          if (ended) return;
          clearTimeout(silence);
          message.pause();
          // Not as the Buffer it is: `slice` of one is no copy.
          controller.enqueue(new Uint8Array(buffer, byteOffset, byteLength));
        });
        message.on("end", () => {
          if (message.complete) end(() => controller.close());
          else fail(endedEarly());
        });
        message.on("error", fail);
        message.on("close", () => fail(endedEarly()));
        message.pause();
      },
      pull() {
        if (!begun) events.begin?.();
        begun = true;
        if (events.patience !== undefined) silence = setTimeout(() => message.destroy(), events.patience);
        message.resume();
      },
      cancel() {
        clearTimeout(silence);
        ended = true;
        events.cancel?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Reads what nobody wants of a body and drops it: a connection that is closed while bytes are on their way takes the answer with it. Resolves at
 * the body's end, when the connection ends, or after `patience` milliseconds without a byte.
 */
export function drain(message: IncomingMessage, patience: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patience);
  message.removeAllListeners("data");
  message.on("data", () => timer.refresh());
  message.once("end", resolve).once("close", resolve).resume();
  return promise.finally(() => clearTimeout(timer));
}

function endedEarly(): Error {
  return new Error("the connection ended before the body did");
}
