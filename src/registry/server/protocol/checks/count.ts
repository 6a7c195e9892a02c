import type { Check, Peer, Subject } from "./peer.ts";

/** What became of one check: why it failed, or undefined. */
export interface Result {
  readonly check: Check;
  readonly failure: string | undefined;
}

/** Asks a registry one check after the other. */
export async function runChecks(
  peer: Peer,
  checks: readonly Check[],
  onResult?: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const check of checks) {
    const failure = await check.run(peer).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    results.push({ check, failure });
    onResult?.({ check, failure });
  }
  return results;
}

/** Passed and failed by subject, those that are of the coming specification counted apart, and the sum. */
export function countTable(results: readonly Result[]): string {
  const subjects = [...new Set(results.map(({ check }) => check.subject))];
  const row = (name: string, of: readonly Result[]) => {
    const count = (isPassed: boolean, isDev: boolean) =>
      of.filter((each) => (each.failure === undefined) === isPassed && (each.check.dev ?? false) === isDev)
        .length;
    const cells = [count(true, false), count(false, false), count(true, true), count(false, true)];
    return [name, ...cells.map(String)];
  };
  const header = ["subject", "1.1 pass", "1.1 fail", "dev pass", "dev fail"];
  const about = (subject: Subject) => results.filter(({ check }) => check.subject === subject);
  const rows = [...subjects.map((subject) => row(subject, about(subject))), row("all", results)];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(header), rule, ...rows.map(line)].join("\n");
}
