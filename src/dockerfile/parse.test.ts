// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { renderError, StrakeError } from "../errors/index.ts";
import type { Instruction, RunInstruction } from "./ast.ts";
import { limits } from "./limits.ts";
import { parseDockerfile, parseTrigger } from "./parse.ts";

function errorOf(run: () => unknown): StrakeError {
  try {
    run();
  } catch (error) {
    if (error instanceof StrakeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

function instruction(text: string): Instruction {
  return parseDockerfile(`FROM scratch\n${text}`).stages[0]!.instructions[0]!;
}

function runText(text: string): string {
  const { command } = instruction(text) as RunInstruction;
  return command.form === "shell" ? command.text : `not a shell form: ${command.form}`;
}

describe("stages", () => {
  test("split the file at FROM, global ARGs in front", () => {
    const { globalArgs, stages, file } = parseDockerfile(
      "ARG A=1\nARG B\nFROM a AS First\nRUN x\nRUN y\nfrom --platform=$P first\n\nUSER u\n",
      { file: "my.Dockerfile" },
    );
    expect(file).toBe("my.Dockerfile");
    expect(globalArgs.map(({ args }) => args[0]!.name)).toEqual(["A", "B"]);
    expect(stages.map(({ index, name, from }) => [index, name, from.image, from.platform])).toEqual([
      [0, "first", "a", undefined],
      [1, undefined, "first", "$P"],
    ]);
    expect(stages[0]!.from).toMatchObject({ stageNameAsWritten: "First", asKeyword: "AS" });
    expect(stages.map(({ instructions }) => instructions.length)).toEqual([2, 1]);
    expect(stages.map(({ range }) => [range.startLine, range.endLine])).toEqual([
      [3, 5],
      [6, 8],
    ]);
  });

  test("need an instruction and a FROM", () => {
    for (const text of ["", "\n\n", "# only\n# comments", "ARG x", "\ufeff"])
      expect(errorOf(() => parseDockerfile(text)).code).toBe("DOCKERFILE_EMPTY");
    expect(errorOf(() => parseDockerfile("RUN x\nFROM y")).message).toBe("no build stage in current context");
  });

  test("have descriptions out of the comments above", () => {
    const { globalArgs, stages } = parseDockerfile(
      "# foo this is foo\nARG foo=1 bar\n\n# gone with the bare comment below\n#\n# base the base\nFROM a AS base\n# x gone with the empty line\n\nARG x\n",
    );
    expect(globalArgs[0]!.args.map(({ description }) => description)).toEqual(["this is foo", undefined]);
    expect(stages[0]!.description).toBe("the base");
    expect(stages[0]!.from.comments).toEqual(["base the base"]);
    expect(stages[0]!.instructions[0]!.comments).toEqual([]);
  });

  test("carry the checks that comments skip", () => {
    const run = parseDockerfile("FROM a\n# why not\n# check=skip=A,B\nRUN x\nRUN y").stages[0]!.instructions;
    expect(run.map(({ skippedChecks }) => skippedChecks)).toEqual([["A", "B"], []]);
  });
});

describe("lines", () => {
  test("are joined at the escape character, with comments and blanks inside dropped", () => {
    expect(runText("RUN a \\\n  b \\  \t\n# comment\n   # comment \\\nc\\\nd")).toBe("a   b cd");
    expect(runText("RUN a \\\r\n b\r\n")).toBe("a  b");
    expect(runText("RUN a \\")).toBe("a");
    expect(runText("\\\nRUN a")).toBe("a");
  });

  test("are not joined at an escaped escape character", () => {
    expect(runText("RUN a\\\\\nRUN b")).toBe("a\\\\");
  });

  test("warn about empty continuations", () => {
    const { warnings, stages } = parseDockerfile("FROM a\nRUN x \\\n\n  y\nRUN z");
    expect(stages[0]!.instructions).toHaveLength(2);
    expect(warnings).toEqual([
      expect.objectContaining({
        rule: "NoEmptyContinuation",
        range: expect.objectContaining({ startLine: 4 }),
      }),
    ]);
  });

  test("may use a backtick instead of a backslash", () => {
    const { stages } = parseDockerfile("# escape=`\nFROM a\nRUN dir C:\\ `\n /s\nENV p=C:\\x` y");
    expect(stages[0]!.instructions[0]).toMatchObject({ command: { text: "dir C:\\  /s" } });
    expect(stages[0]!.instructions[1]).toMatchObject({ variables: [{ key: "p", value: "C:\\x` y" }] });
  });

  test("start with a byte order mark or blanks if they like", () => {
    expect(parseDockerfile("\ufeff  \tFROM a\n").stages[0]!.from.image).toBe("a");
    expect(parseDockerfile(new TextEncoder().encode("\ufeff# escape=`\nFROM a")).directives.escape).toBe("`");
  });

  test("keep bytes that are no UTF-8 apart", () => {
    const bytes = [
      ...new TextEncoder().encode("FROM a\nCOPY é"),
      0xe9,
      0xff,
      ...new TextEncoder().encode(" /x"),
    ];
    const copy = parseDockerfile(Uint8Array.from(bytes)).stages[0]!.instructions[0]!;
    expect(copy).toMatchObject({ sources: ["é\udce9\udcff"] });
  });
});

describe("positions", () => {
  const text = "FROM a\n\n  COPY --chown=u \\\n# c\n   --link  x \\\n  y\n";
  const copy = parseDockerfile(text).stages[0]!.instructions[0]!;
  const at = (range: Instruction["range"]) => {
    const lines = text.split("\n");
    expect(range.startLine).toBe(range.endLine);
    return lines[range.startLine - 1]!.slice(range.startColumn, range.endColumn);
  };

  test("of flags point into the file", () => {
    expect(copy.flags.map(({ range }) => at(range))).toEqual(["--chown=u", "--link"]);
    expect(copy.flags.map(({ range }) => range.startLine)).toEqual([3, 5]);
  });

  test("of instructions span their lines", () => {
    expect(copy.range).toEqual({
      file: "Dockerfile",
      startLine: 3,
      startColumn: 2,
      endLine: 6,
      endColumn: 3,
    });
    expect(copy.original).toBe("COPY --chown=u    --link  x   y");
    expect(copy.keyword).toBe("COPY");
  });

  test("of the instruction behind ONBUILD start at its own keyword", () => {
    const { trigger } = instruction("ONBUILD   run --network=none x") as Instruction & { kind: "onbuild" };
    expect(trigger.range).toMatchObject({ startLine: 2, startColumn: 10, endColumn: 30 });
    expect(trigger.flags[0]!.range).toMatchObject({ startColumn: 14, endColumn: 28 });
    expect(trigger.original).toBe("run --network=none x");
  });
});

describe("errors", () => {
  test("show the lines and what was meant", () => {
    const error = errorOf(() => parseDockerfile("FROM a\nRUNN x \\\n  y\nRUN z\n", { file: "D" }));
    expect(error.code).toBe("DOCKERFILE_INSTRUCTION_UNKNOWN");
    expect(renderError(error)).toBe(
      [
        "error: unknown instruction: RUNN (did you mean RUN?)",
        "D:2",
        "--------------------",
        " 1 |     FROM a",
        " 2 | >>> RUNN x \\",
        " 3 | >>>   y",
        " 4 |     RUN z",
        "--------------------",
      ].join("\n"),
    );
  });

  test("suggest nothing that is far away", () => {
    expect(errorOf(() => instruction("BADCMD")).message).toBe("unknown instruction: BADCMD");
    expect(errorOf(() => instruction("coppy a b")).message).toBe(
      "unknown instruction: coppy (did you mean COPY?)",
    );
  });

  test("name limits", () => {
    const limit = (text: string) =>
      expect(errorOf(() => parseDockerfile(text)).code).toBe("DOCKERFILE_LIMIT");
    limit(`FROM a\nRUN ${"x".repeat(limits.lineBytes)}`);
    limit(`FROM a\nRUN ${"é".repeat(limits.lineBytes / 2)}`);
    limit("\n".repeat(limits.lines + 1));
    limit("#".repeat(limits.fileBytes + 1));
    expect(runText(`RUN ${"x".repeat(limits.lineBytes - 10)}`)).toHaveLength(limits.lineBytes - 10);
  });
});

describe("parseTrigger", () => {
  test("reads what an image stores", () => {
    expect(parseTrigger("RUN echo \\\n hi")).toMatchObject({ kind: "run", command: { text: "echo  hi" } });
    expect(parseTrigger("COPY --from=x a b")).toMatchObject({ kind: "copy", from: "x" });
  });

  test("refuses what no trigger may be", () => {
    for (const text of ["", "RUN a\nRUN b", "FROM a", "MAINTAINER x", "ONBUILD RUN x", "NOPE"])
      expect(errorOf(() => parseTrigger(text)).code).toMatch(/^DOCKERFILE_/);
  });
});
