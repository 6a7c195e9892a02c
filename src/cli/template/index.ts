import { nearest, StrakeError } from "../../errors/index.ts";
import { CallError } from "./functions.ts";
import { parseTemplate, TemplateError } from "./parse.ts";
import { renderNodes } from "./render.ts";

/**
 * Go's text/template, which Docker's `--format` is, without `define` and `template`: fields, `$variables`, parentheses, `|`, `if`, `with`, `range`,
 * comments, `{{-` and `-}}`, Go's functions and Docker's. Throws USAGE, also from the function given back.
 */
export function compileTemplate(text: string): (value: unknown) => string {
  const nodes = naming(text, () => parseTemplate(unescapeWhitespace(text)));
  return (value) => naming(text, () => renderNodes(nodes, value));
}

/** As `compileTemplate`, for the rows of a list. Errors: USAGE also for a field that no row has. */
export function compileRowTemplate(text: string, known: readonly string[]): (row: unknown) => string {
  const wrong = fieldsOf(text).find((field) => !known.includes(field));
  if (wrong !== undefined) {
    const like = nearest(wrong, known);
    const near = like === undefined ? "" : `did you mean .${like}? `;
    throw new StrakeError("USAGE", `--format: a row has no field .${wrong}`, {
      hint: `${near}the fields are ${known.map((field) => `.${field}`).join(" ")}`,
    });
  }
  return compileTemplate(text);
}

/** The fields of the value itself that a template names, so that a misspelt one is found where there is no value yet. */
export function fieldsOf(text: string): string[] {
  return [...text.matchAll(/\{\{([\s\S]*?)\}\}/g)].flatMap(([, action]) => {
    const plain = action!.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '""');
    return [...plain.matchAll(/(?<![\w.)])\.([A-Za-z]\w*)/g)].map(([, field]) => field!);
  });
}

function naming<T>(text: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError || error instanceof CallError)) throw error;
    const hint = error instanceof TemplateError ? error.hint : undefined;
    throw new StrakeError("USAGE", `the template ${JSON.stringify(text)} makes no sense: ${error.message}`, {
      ...(hint !== undefined && { hint }),
    });
  }
}

/** Shells hand over `\t` and `\n` as two characters; Docker reads them as one. */
function unescapeWhitespace(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}
