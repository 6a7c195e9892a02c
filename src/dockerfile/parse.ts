import { type SourceRange, StrakeError } from "../errors/index.ts";
import type { ArgInstruction, Dockerfile, Instruction, Stage, StageInstruction } from "./ast.ts";
import { decodeFile } from "./decode.ts";
import { readDirectives } from "./directives.ts";
import { readHeredocs } from "./heredoc.ts";
import { readInstruction } from "./instruction/index.ts";
import { LineReader, rangeOf } from "./logical-lines.ts";
import { physicalLines } from "./physical-lines.ts";
import { mayHaveHeredocs, parseRawInstruction, type RawInstruction } from "./raw-instruction.ts";

export interface ParseOptions {
  /** Name of the file in error messages; `Dockerfile` when absent. */
  readonly file?: string;
}

/**
 * Parses a Dockerfile: bytes to lines, to instructions, to stages, every part with its place in the file.
 * Nothing is expanded and no file is read. Throws a StrakeError with a `DOCKERFILE_*` code and, where a line is to blame,
 * its excerpt.
 */
export function parseDockerfile(input: string | Uint8Array, options: ParseOptions = {}): Dockerfile {
  const { dockerfile, error } = parseUntilError(input, options);
  if (error !== undefined) throw error;
  return dockerfile;
}

/**
 * Like `parseDockerfile`, but an instruction that is refused ends the file: what stands before it is given together with the
 * error, so that build checks can speak about it. Throws only where nothing can be read at all.
 */
export function parseUntilError(
  input: string | Uint8Array,
  options: ParseOptions = {},
): { readonly dockerfile: Dockerfile; readonly error: unknown } {
  const { context, lines, directives, reader } = open(input, options);
  const { file, text } = context;
  const builder = new StageBuilder(file);
  let error: unknown;
  try {
    for (let next = readNext(reader, context); next; next = readNext(reader, context))
      builder.add(next, text);
    builder.finish(lines.length);
  } catch (thrown) {
    error = thrown;
  }
  const { globalArgs, stages } = builder;
  return { dockerfile: { file, text, directives, warnings: reader.warnings, globalArgs, stages }, error };
}

/**
 * Parses one instruction as the image configuration's `OnBuild` holds it, for a build FROM that image.
 * Throws as `parseDockerfile` does; FROM, MAINTAINER and ONBUILD are refused.
 */
export function parseTrigger(text: string, options: ParseOptions & { readonly escape?: "\\" | "`" } = {}) {
  const file = options.file ?? "ONBUILD";
  const lines = physicalLines(decodeFile(text, file), file);
  const context = { file, escape: options.escape ?? "\\", text };
  const reader = new LineReader(lines, context);
  const trigger = readNext(reader, context);
  if (!trigger || readNext(reader, context))
    throw new StrakeError("DOCKERFILE_SYNTAX", `onbuild trigger should be a single expression: ${text}`);
  if (trigger.kind === "from" || trigger.kind === "maintainer" || trigger.kind === "onbuild")
    throw located(
      new StrakeError(
        "DOCKERFILE_SYNTAX",
        `${trigger.kind.toUpperCase()} isn't allowed as an ONBUILD trigger`,
      ),
      trigger.range,
      text,
    );
  return trigger;
}

/** The instructions of a text before they are understood: what BuildKit's parser gives. */
export function parseRaw(input: string | Uint8Array, options: ParseOptions = {}): RawInstruction[] {
  const { context, reader } = open(input, options);
  const found: RawInstruction[] = [];
  for (let next = readRaw(reader, context); next; next = readRaw(reader, context)) found.push(next);
  if (found.length === 0) throw empty(context.file, "file with no instructions");
  return found;
}

function open(input: string | Uint8Array, options: ParseOptions) {
  const file = options.file ?? "Dockerfile";
  const text = decodeFile(input, file);
  const lines = physicalLines(text, file);
  const { directives, lines: directiveLines } = readDirectives(lines, file);
  const context: Context = { file, escape: directives.escape, text };
  return { context, lines, directives, reader: new LineReader(lines, { ...context, directiveLines }) };
}

interface Context {
  readonly file: string;
  readonly escape: string;
  readonly text: string;
}

function readNext(reader: LineReader, context: Context): Instruction | undefined {
  const raw = readRaw(reader, context);
  if (!raw) return undefined;
  try {
    return readInstruction(raw, context);
  } catch (error) {
    const range = { ...rangeOf(raw.line, context.file, raw.start, raw.line.text.length) };
    throw located(error, range, context.text);
  }
}

function readRaw(
  reader: LineReader,
  { file, escape: escapeCharacter, text }: Context,
): RawInstruction | undefined {
  const line = reader.takeLogicalLine();
  if (!line) return undefined;
  try {
    const raw = parseRawInstruction(line, escapeCharacter);
    if (!mayHaveHeredocs(raw) || !line.text.includes("<<")) return raw;
    return { ...raw, heredocs: readHeredocs(line.text, reader, file) };
  } catch (error) {
    throw located(error, { file, startLine: line.startLine, endLine: line.endLine }, text);
  }
}

/** Sorts instructions into what stands before the first FROM and the stages after it. */
class StageBuilder {
  readonly #file: string;
  readonly globalArgs: ArgInstruction[] = [];
  readonly stages: (Stage & { instructions: StageInstruction[]; range: SourceRange })[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  add(instruction: Instruction, text: string): void {
    const stage = this.stages.at(-1);
    if (instruction.kind === "from") {
      const { stageName, description, range } = instruction;
      this.stages.push({
        index: this.stages.length,
        ...(stageName !== undefined && { name: stageName }),
        from: instruction,
        instructions: [],
        range,
        ...(description !== undefined && { description }),
      });
    } else if (stage) {
      stage.instructions.push(instruction);
      const { endLine, endColumn } = instruction.range;
      stage.range = { ...stage.range, endLine, endColumn };
    } else if (instruction.kind === "arg") this.globalArgs.push(instruction);
    else
      throw located(
        new StrakeError("DOCKERFILE_SYNTAX", "no build stage in current context", {
          hint: "a Dockerfile starts with FROM; only ARG may stand before it",
        }),
        instruction.range,
        text,
      );
  }

  /** Throws `DOCKERFILE_EMPTY` when there is no stage. */
  finish(lineCount: number): void {
    if (this.stages.length === 0)
      throw empty(
        this.#file,
        this.globalArgs.length > 0
          ? "the file has no build stage: FROM is missing"
          : lineCount === 0
            ? "the file is empty"
            : "file with no instructions",
      );
  }
}

function empty(file: string, message: string): StrakeError {
  return new StrakeError("DOCKERFILE_EMPTY", `${file}: ${message}`, {
    hint: "a Dockerfile starts with FROM",
  });
}

/** The error with the lines it is about, unless it knows them already. */
function located(error: unknown, range: SourceRange, text: string): unknown {
  if (!(error instanceof StrakeError) || error.sources.length > 0) return error;
  return error.with({ sources: [{ ...range, text }] });
}
