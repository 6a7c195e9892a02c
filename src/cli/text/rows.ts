import type { Cli } from "../cli.ts";
import { printList } from "./list.ts";

/** A field of a row: as a template and JSON call it, and as a heading of a table. */
export interface Field<Row> {
  readonly name: string;
  readonly head: string;
  /** A string, number or object; an object is only in JSON and templates. */
  readonly value: (row: Row) => unknown;
}

export interface RowOptions<Row> {
  readonly fields: readonly Field<Row>[];
  /** What is printed where no format is asked for. */
  readonly line: (row: Row) => string;
  readonly format: string | undefined;
}

/**
 * Prints rows as they come, however many: a line each, one JSON object a line, or a template for each. Only a table, whose widths the longest
 * decides, waits for the last.
 */
export async function printRows<Row>(
  cli: Cli,
  rows: AsyncIterable<Row> | Iterable<Row>,
  { fields, line, format }: RowOptions<Row>,
): Promise<void> {
  if (format === "table" || format?.startsWith("table ")) {
    const columns = fields.map(({ name, head, value }) => ({
      ...{ field: name, head },
      value: (row: Row) => shown(value(row)),
    }));
    return await printList(cli, { rows: await Array.fromAsync(rows), columns, format });
  }
  const render = await renderer(
    format,
    fields.map(({ name }) => name),
  );
  for await (const row of rows)
    cli.print(
      render === undefined
        ? `${line(row)}\n`
        : `${render(Object.fromEntries(fields.map(({ name, value }) => [name, value(row)])))}\n`,
    );
}

async function renderer(
  format: string | undefined,
  known: readonly string[],
): Promise<((value: unknown) => string) | undefined> {
  if (format === undefined) return undefined;
  if (format === "json") return (value) => JSON.stringify(value);
  return (await import("../template/index.ts")).compileRowTemplate(format, known);
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
