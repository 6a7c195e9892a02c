import { StrakeError } from "../errors/index.ts";

/**
 * The fields of one comma-separated record as Go's encoding/csv reads it (RFC 4180 quoting): a field that starts with `"` runs to
 * the next lone `"` and may hold commas and doubled quotes. Throws `DOCKERFILE_FLAG_INVALID`.
 */
export function csvFields(record: string): string[] {
  if (record === "") throw malformed(record, "it is empty");
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (record[at] === '"') {
      const [field, end] = quotedField(record, at + 1);
      fields.push(field);
      at = end;
    } else {
      const comma = record.indexOf(",", at);
      const field = record.slice(at, comma < 0 ? record.length : comma);
      if (field.includes('"')) throw malformed(record, "a quote stands in the middle of a field");
      fields.push(field);
      at = comma < 0 ? record.length : comma;
    }
    if (at >= record.length) return fields;
    at++;
  }
}

function quotedField(record: string, from: number): [field: string, end: number] {
  let field = "";
  let at = from;
  for (;;) {
    const quote = record.indexOf('"', at);
    if (quote < 0) throw malformed(record, "a quoted field has no end");
    field += record.slice(at, quote);
    if (record[quote + 1] === '"') {
      field += '"';
      at = quote + 2;
      continue;
    }
    if (quote + 1 < record.length && record[quote + 1] !== ",")
      throw malformed(record, "text follows a quoted field");
    return [field, quote + 1];
  }
}

function malformed(record: string, why: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", `malformed list "${record}": ${why}`);
}
