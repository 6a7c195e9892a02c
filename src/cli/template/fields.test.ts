import { describe, expect, test } from "bun:test";
import { fieldsOf } from "./index.ts";

describe("fields of a template", () => {
  test.each([
    ["{{.ID}} {{.Tag}}", ["ID", "Tag"]],
    ["{{json .}}", []],
    ['{{join .Names ".x"}}', ["Names"]],
    ["{{.A.B | len}}", ["A"]],
    ["{{if .Ports}}{{.Ports}}{{end}}.ID", ["Ports", "Ports"]],
  ])("%s", (text, fields) => {
    expect(fieldsOf(text)).toEqual(fields);
  });
});
