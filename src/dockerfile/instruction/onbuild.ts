import type { Instruction, OnbuildInstruction } from "../ast.ts";
import { begin, type Request, syntaxError } from "./request.ts";

/** `readInstruction` is handed in: ONBUILD holds any other instruction. */
export function readOnbuild(
  request: Request,
  readInstruction: (request: Request) => Instruction,
): OnbuildInstruction {
  const { base } = begin(request);
  const { child, heredocs, rest } = request.raw;
  if (!child) throw syntaxError("ONBUILD requires at least one argument");
  if (child.kind === "onbuild") throw syntaxError("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (child.kind === "from" || child.kind === "maintainer")
    throw syntaxError(`${child.kind.toUpperCase()} isn't allowed as an ONBUILD trigger`);
  const bodies = heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`);
  return {
    kind: "onbuild",
    ...base,
    trigger: readInstruction({
      ...request,
      raw: { ...child, heredocs },
      name: child.kind?.toUpperCase() ?? "",
    }),
    text: rest + bodies.join(""),
  };
}
