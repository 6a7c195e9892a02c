import { StrakeError } from "../../errors/index.ts";
import type { AddInstruction, CopyInstruction, Heredoc } from "../ast.ts";
import { heredocMarkOf, heredocWords } from "../heredoc.ts";
import { splitCommand } from "../split-command.ts";
import { begin, type Request, syntaxError } from "./request.ts";

export function readCopy(request: Request): CopyInstruction {
  const { base, values } = begin(request, {
    from: "text",
    chown: "text",
    chmod: "text",
    link: "boolean",
    parents: "boolean",
    exclude: "list",
  });
  const from = values.text("from");
  // The stages a build needs must be known before any variable is.
  if (from !== undefined && /\$./.test(from))
    throw new StrakeError("DOCKERFILE_FLAG_INVALID", "variable expansion is not supported for --from", {
      hint: "define a new stage with FROM using an ARG from global scope, and name that stage here",
    });
  return {
    kind: "copy",
    ...base,
    ...paths(request),
    ...(from && { from }),
    ...ownership(values),
    parents: values.boolean("parents") ?? false,
  };
}

export function readAdd(request: Request): AddInstruction {
  const { base, values } = begin(request, {
    chown: "text",
    chmod: "text",
    link: "boolean",
    "keep-git-dir": "boolean",
    checksum: "text",
    unpack: "boolean",
    exclude: "list",
  });
  const keepGitDir = values.boolean("keep-git-dir");
  const unpack = values.boolean("unpack");
  const checksum = values.text("checksum");
  return {
    kind: "add",
    ...base,
    ...paths(request),
    ...ownership(values),
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(checksum && { checksum }),
    ...(unpack !== undefined && { unpack }),
  };
}

function ownership(values: ReturnType<typeof begin>["values"]) {
  const chown = values.text("chown");
  const chmod = values.text("chmod");
  return {
    ...(chown && { chown }),
    ...(chmod && { chmod }),
    link: values.boolean("link") ?? false,
    excludes: values.list("exclude").map((flag) => flag.value!),
  };
}

function paths(request: Request): {
  sources: readonly string[];
  heredocs: readonly Heredoc[];
  destination: string;
} {
  const words = pathWords(request);
  if (words.length < 2)
    throw syntaxError(
      `${request.name} requires at least two arguments, but only ${words.length === 1 ? "one was" : "none were"} provided`,
      "the last argument is the destination",
    );
  const destination = words.at(-1)!;
  if (!request.raw.json && heredocMarkOf(destination))
    throw new StrakeError("DOCKERFILE_HEREDOC", `${request.name} cannot accept a heredoc as a destination`);
  const sources = words.slice(0, -1).filter((word) => request.raw.json || !heredocMarkOf(word));
  return { sources, heredocs: request.raw.heredocs, destination };
}

/** With heredocs, words are read by the lexer that found them: a quoted delimiter may hold blanks. */
function pathWords({ raw }: Request): readonly string[] {
  if (raw.heredocs.length === 0) return raw.args;
  return heredocWords(splitCommand(raw.line.text, raw.start).rest);
}
