import { describe, expect, test } from "bun:test";
import type {
  AddInstruction,
  CommandLine,
  CopyInstruction,
  Heredoc,
  OnbuildInstruction,
  RunInstruction,
} from "./ast.ts";
import { heredocText, parseHeredocMark } from "./heredoc.ts";
import { parseDockerfile, parseTrigger } from "./parse.ts";

function instructions(text: string) {
  return parseDockerfile(`FROM scratch\n${text}`).stages[0]!.instructions;
}

function command(text: string): CommandLine {
  return (instructions(text)[0] as RunInstruction).command;
}

function heredocs(text: string): readonly Heredoc[] {
  return (instructions(text)[0] as CopyInstruction).heredocs;
}

describe("a delimiter", () => {
  const marks: readonly [word: string, mark: [name: string, fd: number, expand: boolean, strip: boolean]][] =
    [
      ["<<EOF", ["EOF", 0, true, false]],
      ["<<-EOF", ["EOF", 0, true, true]],
      ["3<<EOF", ["EOF", 3, true, false]],
      ["<<'EOF'", ["EOF", 0, false, false]],
      ['<<-"EOF"', ["EOF", 0, false, true]],
      ["<<eo'f'", ["eof", 0, false, false]],
      ["<<eo\\'f", ["eo'f", 0, true, false]],
      ["<<'e'o\\'f", ["eo'f", 0, false, false]],
      ["<<'one two'", ["one two", 0, false, false]],
      ["<<$EOF", ["$EOF", 0, true, false]],
      ["<<  EOF", ["EOF", 0, true, false]],
      ["<<file.txt", ["file.txt", 0, true, false]],
    ];
  for (const [word, [name, fileDescriptor, expand, stripTabs]] of marks)
    test(word, () => expect(parseHeredocMark(word)).toEqual({ name, fileDescriptor, expand, stripTabs }));

  for (const word of ["", "EOF", "<<", "<<-", "<EOF", "<<<EOF", "<<EOF sh", "<<''"])
    test(`"${word}" is none`, () => expect(parseHeredocMark(word)).toBeUndefined());

  for (const word of ["<<'EOF", '<<"EOF', "<<EOF'"])
    test(`${word} is refused`, () =>
      expect(() => parseHeredocMark(word)).toThrow(
        expect.objectContaining({ code: "DOCKERFILE_EXPANSION" }),
      ));
});

describe("RUN", () => {
  test("with one heredoc and nothing else runs it as a script", () => {
    expect(command("RUN <<EOF\n# not a comment\necho 1 \\\n  2\n\nEOF\n")).toEqual({
      form: "heredoc",
      script: "# not a comment\necho 1 \\\n  2\n\n",
      name: "EOF",
      interpreter: false,
      line: "<<EOF",
    });
    expect(command("RUN --network=none <<-'EOF'\n\t#!/bin/x\n\t\tb\n\tEOF\n")).toMatchObject({
      form: "heredoc",
      script: "#!/bin/x\nb\n",
      interpreter: false,
    });
    expect(command("RUN <<run.py\n#!/usr/bin/env python\nprint(1)\nrun.py")).toMatchObject({
      form: "heredoc",
      name: "run.py",
      interpreter: true,
    });
  });

  test("with anything else hands the text as written to the shell", () => {
    expect(command("RUN <<-A python3 - && cat 3<<B\n\tprint(1)\n\tA\nx\nB\n")).toMatchObject({
      form: "shell",
      text: "<<-A python3 - && cat 3<<B\n\tprint(1)\nA\nx\nB",
      line: "<<-A python3 - && cat 3<<B",
    });
  });

  test("has no heredoc in quotes, in JSON form or in arithmetic without a word", () => {
    expect(command('RUN "<<EOF"')).toMatchObject({ form: "shell", text: '"<<EOF"', heredocs: [] });
    expect(command('RUN ["<<EOF"]')).toEqual({ form: "exec", args: ["<<EOF"] });
    expect(command("RUN cat <<<EOF")).toMatchObject({ heredocs: [] });
    expect(command("RUN echo it's <<EOF")).toMatchObject({ form: "shell", text: "echo it's <<EOF" });
  });

  test("only some instructions have heredocs", () => {
    expect(instructions("USER <<X\nENV X=<<Y").map(({ kind }) => kind)).toEqual(["user", "env"]);
  });
});

describe("COPY and ADD", () => {
  test("take heredocs among their sources", () => {
    const [copy, add] = instructions(
      "COPY a <<X.txt b <<-'Y Z' /dest/\nY Z\nX.txt\n\t1\n\t\tY Z\nADD <<E /e\nE\n",
    ) as [CopyInstruction, AddInstruction];
    expect(copy.sources).toEqual(["a", "b"]);
    expect(copy.destination).toBe("/dest/");
    expect(copy.heredocs.map(({ name, expand, content }) => [name, expand, content])).toEqual([
      ["X.txt", true, "Y Z\n"],
      ["Y Z", false, "\t1\n"],
    ]);
    expect(copy.heredocs.map(heredocText)).toEqual(["Y Z\n", "1\n"]);
    expect(copy.heredocs.map(({ range }) => [range.startLine, range.endLine])).toEqual([
      [3, 4],
      [5, 6],
    ]);
    expect([copy.range.startLine, copy.range.endLine]).toEqual([2, 6]);
    expect(add).toMatchObject({ sources: [], destination: "/e", heredocs: [{ name: "E", content: "" }] });
  });

  test("keep CRLF in the body and find the end all the same", () => {
    expect(heredocs("COPY <<E /e\r\na\r\nE\r\n")[0]!.content).toBe("a\r\n");
  });

  test("refuse one as the destination", () => {
    expect(() => instructions("COPY a <<E\nE\n")).toThrow(
      expect.objectContaining({ code: "DOCKERFILE_HEREDOC" }),
    );
  });
});

test("a heredoc without an end is refused at its instruction", () => {
  expect(() => instructions("RUN <<EOF\nEOF2\n EOF\n")).toThrow(
    expect.objectContaining({
      code: "DOCKERFILE_HEREDOC",
      sources: [expect.objectContaining({ startLine: 2 })],
    }),
  );
});

test("ONBUILD keeps heredocs in the text that the image stores, and they are read back", () => {
  const [onbuild, user] = instructions("ONBUILD COPY <<A <<B /x\n1\nA\n2\nB\nUSER u") as [
    OnbuildInstruction,
    unknown,
  ];
  expect(onbuild.text).toBe("COPY <<A <<B /x\n1\nA\n2\nB");
  expect(onbuild.trigger).toMatchObject({ kind: "copy", heredocs: [{ name: "A" }, { name: "B" }] });
  expect(user).toMatchObject({ kind: "user" });
  expect(parseTrigger(onbuild.text)).toMatchObject({
    kind: "copy",
    heredocs: [{ content: "1\n" }, { content: "2\n" }],
  });
});
