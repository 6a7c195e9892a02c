/**
 * Does `work` for every item, at most `limit` at a time; results in the items' order. The first failure aborts the signal that the
 * others see, and is thrown once all have ended: nothing goes on behind the caller's back.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  { limit, signal }: { readonly limit: number; readonly signal?: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const results: R[] = new Array(items.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const i = next++;
      try {
        results[i] = await work(items[i]!, both);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failure) throw failure.error;
  return results;
}
