import type { Transform } from "node:stream";

export interface Passage {
  /** Bytes of the source handed to the transform. */
  readonly fed: number;
}

/**
 * Runs a source through a Node transform with back-pressure both ways: one chunk of the source is in flight, of which nothing is read
 * after the next one was asked for, and the transform pauses while nobody takes its output, so that a bomb (CVE-2017-14992) expands
 * no faster than it is used.
 * However it ends (error on either side, consumer walks away), the transform is destroyed and the source closed.
 */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  passage: { fed: number } = { fed: 0 },
): AsyncGenerator<Uint8Array, void, undefined> {
  const closed = new Promise<void>((resolve) => transform.once("close", resolve));
  let failure: { error: unknown } | undefined;
  const feed = (async () => {
    try {
      for await (const chunk of source) {
        if (transform.destroyed || transform.readableEnded) return;
        passage.fed += chunk.length;
        await Promise.race([written(transform, chunk), closed]);
        // It may still be reading the chunk, which the source may use again when it is asked for the next.
        if (transform.destroyed) return;
      }
      if (!transform.destroyed) transform.end();
    } catch (error) {
      failure = { error };
      transform.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
    await feed;
  } catch (error) {
    throw failure ? failure.error : error;
  } finally {
    transform.destroy();
    await feed;
  }
}

function written(transform: Transform, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => transform.write(chunk, () => resolve()));
}
