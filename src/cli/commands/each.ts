import { renderError, type StrakeError, toStrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/**
 * Does the same for several names, goes on past failures, prints each name that worked and each error. The exit code is
 * that of the first error, else 0: as Docker's commands on lists.
 */
export async function forEachName(
  cli: Cli,
  names: readonly string[],
  work: (name: string) => Promise<string | undefined> | string | undefined,
): Promise<number> {
  let first: StrakeError | undefined;
  for (const name of names) {
    try {
      cli.print(`${(await work(name)) ?? name}\n`);
    } catch (thrown) {
      const error = toStrakeError(thrown);
      first ??= error;
      cli.note(`${renderError(error)}\n`);
    }
  }
  return first?.exitCode ?? 0;
}
