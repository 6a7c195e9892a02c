import type { Cli } from "../cli.ts";

/** Asks on a terminal. Without one there is nobody to ask, and the answer is no. */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  if (!cli.terminal.stdin) {
    cli.note(`${question} say yes with --force\n`);
    return false;
  }
  cli.note(`${question} [y/N] `);
  for await (const line of console) return /^y(es)?$/i.test(line.trim());
  return false;
}
