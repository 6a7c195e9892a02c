import { describe, expect, test } from "bun:test";
import { StrakeError } from "../errors/index.ts";
import { type CommandSpec, command } from "./command.ts";
import { findCommand } from "./find-command.ts";
import { parseWords } from "./parse.ts";
import { specs } from "./spec/all.ts";

const load = () => Promise.reject(new Error("not run here"));
const spec = command({
  name: "try",
  group: "Strake",
  summary: "Try",
  args: [{ name: "IMAGE" }, { name: "WORD", optional: true, repeat: true }],
  flags: {
    env: { type: "strings", short: "e", value: "X", help: "" },
    name: { type: "string", value: "X", help: "" },
    interactive: { type: "boolean", short: "i", help: "" },
    tty: { type: "boolean", short: "t", help: "" },
    publish: { type: "strings", short: "p", value: "X", help: "" },
    time: { type: "number", value: "N", help: "" },
    kind: { type: "string", value: "K", choices: ["a", "b"], help: "" },
  },
  stopsAtFirstArgument: true,
  load,
});

function failure(work: () => unknown): StrakeError {
  try {
    work();
  } catch (error) {
    if (error instanceof StrakeError) return error;
  }
  throw new Error("it did not fail");
}

describe("words of a command", () => {
  test.each([
    [["-it", "x"], { interactive: true, tty: true }],
    [["-p5000:5000", "x"], { publish: ["5000:5000"] }],
    [["-p", "1:1", "--publish=2:2", "x"], { publish: ["1:1", "2:2"] }],
    [["-ite", "A=1", "x"], { interactive: true, tty: true, env: ["A=1"] }],
    [["--interactive=false", "x"], { interactive: false }],
    [["--name", "-odd", "x"], { name: "-odd" }],
    [["-e=A=b", "x"], { env: ["A=b"] }],
    [["--time", "2.5", "x"], { time: 2.5 }],
    [["x"], { interactive: false, env: [], name: undefined }],
  ])("%p", (words, expected) => {
    expect(parseWords(spec, words as string[]).flags).toMatchObject(expected as object);
  });

  test("everything behind the image belongs to its program", () => {
    const { args, flags } = parseWords(spec, ["-i", "img", "ls", "-t", "--name", "z"]);
    expect(args).toEqual(["img", "ls", "-t", "--name", "z"]);
    expect(flags).toMatchObject({ tty: false, name: undefined });
  });

  test("-- ends flags", () => {
    expect(parseWords(spec, ["--", "-i"]).args).toEqual(["-i"]);
  });

  test.each([
    [["--nmae", "z", "x"], "did you mean --name?"],
    [["-q", "x"], "has no flag -q"],
    [["--name"], "needs a value"],
    [["--tty=maybe", "x"], "switch"],
    [["--kind", "c", "x"], "one of a, b"],
    [["--time", "soon", "x"], "needs a number"],
    [[], "needs IMAGE"],
  ])("%p is refused and says how to go on", (words, expected) => {
    const error = failure(() => parseWords(spec, words as string[]));
    expect(error.code).toBe("USAGE");
    expect(`${error.message} ${error.hint}`).toContain(expected as string);
  });

  test("too many arguments are refused", () => {
    const rename = specs.find(({ name }) => name === "rename") as CommandSpec;
    expect(failure(() => parseWords(rename, ["a", "b", "c"])).message).toContain('"c" is one too many');
  });
});

describe("names of commands", () => {
  test("one or two words, and aliases", () => {
    expect(findCommand(specs, ["image", "prune", "-a"]).spec.name).toBe("image prune");
    expect(findCommand(specs, ["container", "ls"]).spec.name).toBe("ps");
    expect(findCommand(specs, ["system", "df"]).spec.name).toBe("df");
    expect(findCommand(specs, ["run", "ls"]).rest).toEqual(["ls"]);
  });

  test.each([
    [["biuld"], "did you mean strake build?"],
    [["image", "prnue"], "did you mean strake image prune?"],
    [["xyzzy"], "strake help lists"],
  ])("%p", (words, hint) => {
    expect(failure(() => findCommand(specs, words as string[])).hint).toContain(hint as string);
  });

  test("no two commands share a name, and no two flags a letter", () => {
    const names = specs.flatMap((s) => [s.name, ...(s.aliases ?? [])]);
    expect(names.length).toBe(new Set(names).size);
    for (const { name, flags } of specs) {
      const letters = Object.values(flags).flatMap((flag) => flag.short ?? []);
      expect([name, letters.length]).toEqual([name, new Set(letters).size]);
    }
  });

  test("every command's code loads", async () => {
    for (const { name, load: loadCommand } of specs)
      expect([name, typeof (await loadCommand())]).toEqual([name, "function"]);
  });
});

test("attach is docker's, and with files or their flags oras's", () => {
  const meant = (line: string) => findCommand(specs, line.split(" ")).spec.name;
  expect(
    [
      "attach web",
      "container attach web",
      "attach --no-stdin web",
      "attach",
      "attach r.example/app:1 sbom.json",
      "attach --artifact-type text/x r.example/app:1 sbom.json",
      "attach --artifact-type text/x r.example/app:1",
      "artifact attach r.example/app:1",
    ].map(meant),
  ).toEqual([
    ...["attach", "attach", "attach", "attach"],
    ...["artifact attach", "artifact attach", "attach", "artifact attach"],
  ]);
});
