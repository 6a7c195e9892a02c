import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StrakeError } from "../errors/index.ts";
import { expand, splitWords } from "./expand.ts";
import { parseRaw } from "./parse.ts";
import type { RawInstruction } from "./raw-instruction.ts";

/**
 * The peers' corpora, where the machine has them. What they cover is covered by this folder's own tests as well.
 */
const data = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const present = existsSync(`${data}parser-fixtures`);
if (!present) console.log(`skipped: the corpora of BuildKit are not at ${data}`);

describe.skipIf(!present)("BuildKit's corpora", () => {
  const fixtures = `${data}parser-fixtures/`;
  const cases = present ? readdirSync(`${fixtures}testfiles`) : [];

  test("are complete", () => expect(cases.length).toBe(33));

  for (const name of cases) {
    test(`parses ${name} to the same tree`, () => {
      const raw = parseRaw(readFileSync(`${fixtures}testfiles/${name}/Dockerfile`));
      const tree = `${raw.map((instruction) => `(${dump(instruction)})`).join("\n")}\n`;
      expect(tree).toBe(readFileSync(`${fixtures}testfiles/${name}/result`, "utf8"));
    });
  }

  const negative = present ? readdirSync(`${fixtures}testfiles-negative`) : [];

  test("have four files to refuse", () => expect(negative.length).toBe(4));

  for (const name of negative) {
    test(`refuses ${name}`, () => {
      expect(() => parseRaw(readFileSync(`${fixtures}testfiles-negative/${name}/Dockerfile`))).toThrow(
        StrakeError,
      );
    });
  }

  test("have the lines where we see them", () => {
    const raw = parseRaw(readFileSync(`${fixtures}testfile-line/Dockerfile`));
    expect(raw.map(({ line }) => [line.startLine, line.endLine])).toEqual([
      [5, 5],
      [11, 12],
      [17, 31],
    ]);
  });

  test("expand all 230 words of envVarTest: 226 for all systems, 2 for Unix, 2 for Windows", () => {
    const counts = { A: 0, U: 0, W: 0 };
    for (const line of readFileSync(`${data}envVarTest`, "utf8").split("\n")) {
      if (line.startsWith("#") || line.trim() === "") continue;
      const [system, source, expected] = line.split("|").map((part) => part.trim());
      counts[system as keyof typeof counts]++;
      const result = resultOf(() => expand(source!, environment, { windows: system === "W" }).value);
      expect({ source, result }).toEqual({ source, result: expected! });
      // What holds for all systems must hold with Windows' rule for names as well.
      if (system === "A")
        expect(resultOf(() => expand(source!, environment, { windows: true }).value)).toBe(expected!);
    }
    expect(counts).toEqual({ A: 226, U: 2, W: 2 });
  });

  test("split all words of wordsTest: 28 entries, of them 4 definitions and 24 cases", () => {
    const variables = new Map<string, string>();
    let cases = 0;
    for (const line of readFileSync(`${data}wordsTest`, "utf8").split("\n")) {
      if (line.startsWith("#") || line === "") continue;
      if (line.startsWith("ENV ")) {
        const [name, value] = line.slice(4).trimStart().split("=", 2);
        variables.set(name!, value!);
        continue;
      }
      const [source, expected] = line.split("|");
      const result = resultOf(() => splitWords(source!.trim(), variables).words.join(","));
      expect({ source, result }).toEqual({ source, result: expected!.replace(/^ +/, "") });
      cases++;
    }
    expect({ cases, definitions: variables.size }).toEqual({ cases: 24, definitions: 4 });
  });
});

const environment = { PWD: "/home", SHELL: "bash", KOREAN: "한국어", NULL: "" };

function resultOf(run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof StrakeError)) throw error;
    return "error";
  }
}

/** BuildKit's s-expression of a node. */
function dump(raw: RawInstruction): string {
  const flags = raw.flags.length > 0 ? ` [${raw.flags.map((flag) => quote(flag.text)).join(" ")}]` : "";
  const rest = raw.child ? ` (${dump(raw.child)})` : raw.args.map((arg) => ` ${quote(arg)}`).join("");
  return raw.keyword.toLowerCase() + flags + rest;
}

/** Go's strconv.Quote, as far as the corpus needs it. */
function quote(text: string): string {
  const named: Record<string, string> = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
  };
  const escaped = text.replace(
    /["\\\x00-\x1f]/g,
    (character) => named[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}
