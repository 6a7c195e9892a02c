/**
 * Gives the memory of a chunk back at once, which nobody may look at any more. Chunks of a transfer live outside the collector's heap, which
 * hardly grows while they pile up. A view of something larger is left to the collector.
 */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) buffer.transfer(0);
}

/** The chunks of a source, each of which is gone when the next one is asked for. */
export async function* freeing(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    yield chunk;
    freeChunk(chunk);
  }
}
