/** No column is narrower, as in Docker's tables: two lists of one command stay aligned. */
const leastWidth = 7;

/** Columns padded to their widest cell, three spaces apart, as Docker prints them. The last column is not padded. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(leastWidth, ...lines.map((line) => displayWidth(line[column] ?? ""))),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === line.length - 1 ? cell : cell + " ".repeat(widths[column]! - displayWidth(cell)),
        )
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function displayWidth(text: string): number {
  return Bun.stringWidth(text);
}
