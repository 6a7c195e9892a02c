import { breath } from "./ending.ts";
import { median } from "./measure.ts";

/** What a row of a table measures. */
export interface RowHead {
  readonly id: string;
  readonly what: string;
  readonly unit: "ms" | "MiB" | "MB/s" | "/s";
  /** What the issue asks for, in the row's unit: at most that of times and memory, at least that of speeds. Without it the row is there to compare. */
  readonly reach?: number;
}

/** Whether an id is among those of an option `--rows a,b`; without the option all are. */
export function chosen(list: string | undefined): (id: string) => boolean {
  const ids = list?.split(",");
  return (id) => ids === undefined || ids.includes(id);
}

/** Median of as many rounds, after some that do not count. */
export async function repeat(
  rounds: number,
  measure: (round: number) => number | Promise<number>,
  warmUp = 1,
): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds + warmUp; round++) {
    await breath();
    const value = await measure(round);
    if (round >= warmUp) values.push(value);
  }
  return median(values);
}

/** A table of one column a peer. The first is ours: the others also say how many times slower, or larger, they are. */
export class Table {
  readonly #names: readonly string[];
  readonly #lines: string[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Adds a row, and says it, since tables take long. */
  add(row: RowHead, values: ReadonlyMap<string, number>): void {
    const isSpeed = row.unit.endsWith("/s");
    const ours = values.get("strake");
    const cells = [
      row.what,
      row.reach === undefined ? "–" : `${isSpeed ? "≥" : "≤"} ${row.reach} ${row.unit}`,
    ];
    for (const name of this.#names) {
      const value = values.get(name);
      if (value === undefined) {
        cells.push("–");
        continue;
      }
      const shown = `${value.toFixed(value < 100 ? 1 : 0)} ${row.unit}`;
      if (name === "strake" || ours === undefined) cells.push(shown);
      else cells.push(`${shown} (×${(isSpeed ? ours / value : value / ours).toFixed(1)})`);
    }
    this.#lines.push(`| ${cells.join(" | ")} |`);
    console.error(`${row.id}: ${cells.slice(1).join(" | ")}`);
  }

  print(): void {
    if (this.#lines.length === 0) return;
    console.log(`\n| what | reach | ${this.#names.join(" | ")} |`);
    console.log(`|---|---|${this.#names.map(() => "---|").join("")}`);
    for (const line of this.#lines) console.log(line);
  }
}
