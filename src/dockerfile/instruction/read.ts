import { didYouMean, StrakeError } from "../../errors/index.ts";
import type { Instruction } from "../ast.ts";
import { instructionNames, type RawInstruction } from "../raw-instruction.ts";
import { readCmd, readEntrypoint, readRun, readShell } from "./command.ts";
import { readAdd, readCopy } from "./copy.ts";
import { readFrom } from "./from.ts";
import { readHealthcheck } from "./health.ts";
import { readArg, readEnv, readLabel } from "./key-value.ts";
import { readExpose, readMaintainer, readStopSignal, readUser, readVolume, readWorkdir } from "./metadata.ts";
import { readOnbuild } from "./onbuild.ts";
import type { Request } from "./request.ts";

/**
 * The typed form of a raw instruction, all its flags and arguments checked.
 * Throws `DOCKERFILE_INSTRUCTION_UNKNOWN`, `DOCKERFILE_SYNTAX`, `DOCKERFILE_FLAG_UNKNOWN`, `DOCKERFILE_FLAG_INVALID`,
 * `DOCKERFILE_HEREDOC`; the caller adds the source excerpt.
 */
export function readInstruction(
  raw: RawInstruction,
  options: { readonly file: string; readonly escape: string },
): Instruction {
  return read({ raw, name: raw.kind?.toUpperCase() ?? "", ...options });
}

function read(request: Request): Instruction {
  const { raw } = request;
  switch (raw.kind) {
    case "from":
      return readFrom(request);
    case "arg":
      return readArg(request);
    case "run":
      return readRun(request);
    case "copy":
      return readCopy(request);
    case "add":
      return readAdd(request);
    case "env":
      return readEnv(request);
    case "label":
      return readLabel(request);
    case "workdir":
      return readWorkdir(request);
    case "user":
      return readUser(request);
    case "expose":
      return readExpose(request);
    case "volume":
      return readVolume(request);
    case "stopsignal":
      return readStopSignal(request);
    case "cmd":
      return readCmd(request);
    case "entrypoint":
      return readEntrypoint(request);
    case "healthcheck":
      return readHealthcheck(request);
    case "shell":
      return readShell(request);
    case "onbuild":
      return readOnbuild(request, read);
    case "maintainer":
      return readMaintainer(request);
    case undefined:
      throw unknownInstruction(request);
  }
}

function unknownInstruction({ raw: { keyword, line }, escape: escapeCharacter }: Request): StrakeError {
  if (line.text.startsWith("//") || line.text.startsWith("{"))
    return new StrakeError("DOCKERFILE_INSTRUCTION_UNKNOWN", `unknown instruction: ${keyword}`, {
      hint: "this looks like the input of another frontend, which a syntax directive names",
    });
  if (keyword === "")
    return new StrakeError("DOCKERFILE_SYNTAX", "a line continuation is followed by no instruction");
  const glued = /^([A-Za-z]+)[[("'=]/.exec(keyword)?.[1]?.toUpperCase();
  if (glued !== undefined && (instructionNames as readonly string[]).includes(glued))
    return new StrakeError("DOCKERFILE_INSTRUCTION_UNKNOWN", `unknown instruction: ${keyword}`, {
      hint: `a blank stands between ${glued} and what follows`,
    });
  const near = didYouMean(keyword, instructionNames);
  return new StrakeError("DOCKERFILE_INSTRUCTION_UNKNOWN", `unknown instruction: ${keyword}${near}`, {
    hint:
      near === "" && line.startLine > 1
        ? `where it goes on with the line before, that one ends with ${escapeCharacter}`
        : undefined,
  });
}
