import type { FromInstruction } from "../ast.ts";
import { begin, descriptionOf, type Request, syntaxError } from "./request.ts";

const validStageName = /^[a-z][a-z0-9-_.]*$/;

/** `FROM [--platform=p] image [AS name]`. */
export function readFrom(request: Request): FromInstruction {
  const { base, values } = begin(request, { platform: "text" });
  const [image, asKeyword, writtenName] = request.raw.args;
  const platform = values.text("platform");
  const from = { kind: "from", ...base, image: image ?? "", ...(platform && { platform }) } as const;
  if (request.raw.args.length === 1) return from;
  if (request.raw.args.length !== 3 || asKeyword!.toLowerCase() !== "as")
    throw syntaxError(
      "FROM requires either one or three arguments",
      "write FROM image or FROM image AS name",
    );
  const stageName = writtenName!.toLowerCase();
  if (!validStageName.test(stageName))
    throw syntaxError(
      `invalid name for build stage: "${writtenName}", name can't start with a number or contain symbols`,
    );
  const description = descriptionOf(base.comments, stageName) ?? descriptionOf(base.comments, writtenName);
  return {
    ...from,
    stageName,
    stageNameAsWritten: writtenName,
    asKeyword,
    ...(description !== undefined && { description }),
  };
}
