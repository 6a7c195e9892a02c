import type { Cli } from "../cli.ts";
import { renderTable } from "./table.ts";

/** A column of a list command: Docker's heading and the field a template calls it by. */
export interface Column<Row> {
  readonly head: string;
  readonly field: string;
  readonly value: (row: Row) => string;
}

/** A field without a column; a function is for templates alone, which call it with their arguments. */
export interface MoreField<Row> {
  readonly field: string;
  readonly value: (row: Row) => string | ((...args: unknown[]) => string);
}

export interface ListOptions<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** Fields a template or JSON has beside the columns'. */
  readonly more?: readonly MoreField<Row>[];
  readonly format: string | undefined;
  /** With -q: what stands for a row. */
  readonly id?: (row: Row) => string;
  readonly quiet?: boolean;
}

/** Prints a list as Docker does: a table, one JSON object a line, a template for each row, or ids alone. */
export async function printList<Row>(cli: Cli, options: ListOptions<Row>): Promise<void> {
  const { rows, columns, format, id } = options;
  if (options.quiet && id !== undefined) {
    cli.print(rows.map((row) => `${id(row)}\n`).join(""));
    return;
  }
  const objects = () =>
    rows.map((row) =>
      Object.fromEntries(
        [...columns, ...(options.more ?? [])].map(({ field, value }) => [field, value(row)]),
      ),
    );
  if (format === undefined || format === "table") {
    cli.print(
      renderTable(
        columns.map(({ head }) => head),
        rows.map((row) => columns.map(({ value }) => value(row))),
      ),
    );
  } else if (format === "json")
    cli.print(
      objects()
        .map((object) => `${JSON.stringify(object)}\n`)
        .join(""),
    );
  else {
    const { compileRowTemplate } = await import("../template/index.ts");
    const known = [...columns, ...(options.more ?? [])].map(({ field }) => field);
    const isTable = format.startsWith("table ");
    const render = compileRowTemplate(isTable ? format.slice(6) : format, known);
    if (!isTable)
      cli.print(
        objects()
          .map((object) => `${render(object)}\n`)
          .join(""),
      );
    else {
      const heads = Object.fromEntries(columns.map(({ field, head }) => [field, head]));
      const cells = [heads, ...objects()].map((object) => render(object).split("\t"));
      cli.print(renderTable(cells[0]!, cells.slice(1)));
    }
  }
}

/** Prints facts that are no list: a template over them, JSON, or the text given. */
export async function printFacts(
  cli: Cli,
  facts: unknown,
  format: string | undefined,
  text: () => string,
): Promise<void> {
  if (format === undefined || format === "table") cli.print(text());
  else if (format === "json") cli.print(`${JSON.stringify(facts)}\n`);
  else {
    const { compileTemplate } = await import("../template/index.ts");
    cli.print(`${compileTemplate(format)(facts)}\n`);
  }
}
