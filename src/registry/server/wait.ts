/** Waits, at most until the signal. `background`: the wait alone keeps no process going. */
export function wait(milliseconds: number, signal: AbortSignal, { background = false } = {}): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    if (background) timer.unref();
    signal.addEventListener("abort", wake);
    if (signal.aborted) wake();
  });
}
