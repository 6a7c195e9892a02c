import { expect, test } from "bun:test";
import fc from "fast-check";
import { StrakeError } from "../errors/index.ts";
import { expand, splitWords } from "./expand.ts";
import { expandInstruction } from "./expand-instruction.ts";
import { parseIgnoreFile } from "./ignore.ts";
import { parseDockerfile } from "./parse.ts";
import { replacePattern, trimPrefix, trimSuffix } from "./shell-pattern.ts";

/** Runs and lets only coded errors pass. */
function coded(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof StrakeError)) throw error;
    expect(error.code).toMatch(/^DOCKERFILE_/);
  }
}

const fragment = fc.constantFrom(
  ..."FROM |AS |RUN |COPY |ADD |ENV |ARG |LABEL |ONBUILD |HEALTHCHECK |CMD |EXPOSE |SHELL |VOLUME |USER |STOPSIGNAL ".split(
    "|",
  ),
  ..."--mount=|type=cache|type=secret,|id=|--from=|--link|--interval=|--|--exclude=".split("|"),
  ..."\n|\r\n|\\\n|\\|`|# |#|# escape=`\n|# check=|<<EOF|<<-'E'|EOF\n| |\t|\"|'|[\"|\"]|[|]|{|}|,|=|:|/".split(
    "|",
  ),
  ..."$|${|${x:-|${x#|${x/|a|b|1|5s|80/tcp|é|😀|\u0085|\0|\udce9".split("|"),
);
const hostile = fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join(""));

test("parsing throws nothing but coded errors, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => coded(() => parseDockerfile(bytes))));
});

test("parsing and expanding throw nothing but coded errors on near misses", () => {
  fc.assert(
    fc.property(hostile, hostile, (text, value) =>
      coded(() => {
        const { stages } = parseDockerfile(`FROM a\n${text}`);
        for (const { from, instructions } of stages)
          for (const instruction of [from, ...instructions])
            coded(() => expandInstruction(instruction, { x: value, a: "1" }));
      }),
    ),
    { numRuns: 2000 },
  );
});

test("ranges lie inside the file and in order", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      coded(() => {
        const file = parseDockerfile(`FROM a\n${text}`);
        const lines = file.text.split("\n").length;
        let last = 0;
        for (const { from, instructions } of file.stages)
          for (const { range, flags } of [from, ...instructions]) {
            expect(range.startLine).toBeGreaterThan(last);
            expect(range.endLine).toBeGreaterThanOrEqual(range.startLine);
            expect(range.endLine).toBeLessThanOrEqual(lines);
            for (const flag of flags) expect(flag.range.endLine).toBeLessThanOrEqual(range.endLine);
            last = range.endLine;
          }
      });
    }),
    { numRuns: 1000 },
  );
});

test("expansion ends, and throws nothing but coded errors", () => {
  fc.assert(
    fc.property(hostile, hostile, (word, value) => {
      coded(() => expand(word, (name) => (name.length % 2 ? value : undefined)));
      coded(() => splitWords(word, { x: value }));
    }),
    { numRuns: 2000 },
  );
});

test("ignore files throw nothing but coded errors", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => coded(() => parseIgnoreFile(bytes))));
});

/** The same pattern as a regular expression, whose matching is known; safe at the sizes used here. */
function regex(pattern: string, star: string): string {
  return pattern.replaceAll("*", star).replaceAll("?", ".");
}

test("trims and replaces do what a regular expression would", () => {
  const value = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "?", "*"), maxLength: 5 });
  fc.assert(
    fc.property(value, pattern, (value, pattern) => {
      const prefixes = Array.from({ length: value.length + 1 }, (_, end) => value.slice(0, end));
      const whole = new RegExp(`^${regex(pattern, ".*")}$`);
      const matching = prefixes.filter((prefix) => whole.test(prefix));
      expect(trimPrefix(value, pattern, false)).toBe(value.slice(matching[0]?.length ?? 0));
      expect(trimPrefix(value, pattern, true)).toBe(value.slice(matching.at(-1)?.length ?? 0));
      const suffixes = Array.from({ length: value.length + 1 }, (_, i) => value.slice(value.length - i));
      const ends = suffixes.filter((suffix) => whole.test(suffix));
      expect(trimSuffix(value, pattern, false)).toBe(value.slice(0, value.length - (ends[0]?.length ?? 0)));
      expect(trimSuffix(value, pattern, true)).toBe(
        value.slice(0, value.length - (ends.at(-1)?.length ?? 0)),
      );
      const found = new RegExp(regex(pattern, ".*"));
      expect(replacePattern(value, pattern, "X", false)).toBe(value.replace(found, "X"));
    }),
    { numRuns: 2000 },
  );
});

test("replacing all goes on behind each match", () => {
  expect(replacePattern("abcabc", "b", "X", true)).toBe("aXcaXc");
  expect(replacePattern("aaa", "a", "", true)).toBe("");
  expect(replacePattern("aaa", "aa", "X", true)).toBe("Xa");
  expect(replacePattern("abc", "", "-", true)).toBe("-a-b-c-");
  expect(replacePattern("abc", "*", "X", true)).toBe("X");
  expect(replacePattern("a😀b", "?", "X", true)).toBe("XXX");
  expect(replacePattern("a.b", ".", "$&$1", true)).toBe("a$&$1b");
});
