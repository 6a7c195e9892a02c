export interface TerminalOptions {
  readonly env: Record<string, string | undefined>;
  readonly columns?: number;
  readonly rows?: number;
  /** Called after each output with all of it so far; may type. */
  readonly onShown?: (shown: string, type: (text: string) => void) => void;
}

/** Runs a program on a terminal of its own to its end: its exit code, and what was shown. */
export async function onTerminal(
  command: readonly string[],
  { env, columns = 80, rows = 24, onShown }: TerminalOptions,
): Promise<{ code: number; shown: string }> {
  let shown = "";
  const child = Bun.spawn([...command], {
    env,
    terminal: {
      cols: columns,
      rows,
      data(terminal: { write(text: string): void }, data: Uint8Array) {
        shown += Buffer.from(data).toString();
        onShown?.(shown, (text) => terminal.write(text));
      },
    },
  } as Parameters<typeof Bun.spawn>[1]);
  return { code: await child.exited, shown };
}
