import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { IgnoreMatcher, parseIgnoreFile } from "../ignore.ts";
import { parseUntilError } from "../parse.ts";
import { lintDockerfile } from "./lint.ts";
import { lintRules } from "./rules.ts";

const corpus = fileURLToPath(new URL("../../../../shared/data/lint-cases.jsonl", import.meta.url));
const present = existsSync(corpus);
if (!present) console.log(`skipped: BuildKit's lint cases are not at ${corpus}`);

interface Case {
  readonly test: string;
  readonly dockerfile: string;
  readonly dockerignore: string;
  readonly frontendAttrs: Record<string, string> | null;
  readonly buildErr: string;
  readonly warnings:
    | readonly { RuleName: string; Description: string; Line: number; Detail: string; URL: string }[]
    | null;
}

describe.skipIf(!present)("BuildKit's lint cases", () => {
  const cases: Case[] = present
    ? readFileSync(corpus, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line))
    : [];

  test("are complete", () => expect(cases.length).toBe(38));

  for (const [
    index,
    { test: name, dockerfile, dockerignore, frontendAttrs, buildErr, warnings },
  ] of cases.entries())
    test(`${index + 1} ${name}`, () => {
      const buildArgs: Record<string, string> = {};
      for (const [key, value] of Object.entries(frontendAttrs ?? {}))
        if (key.startsWith("build-arg:")) buildArgs[key.slice("build-arg:".length)] = value;
      const ignore = dockerignore ? new IgnoreMatcher(parseIgnoreFile(dockerignore)) : undefined;
      const parsed = parseUntilError(dockerfile);
      const { findings, error } = lintDockerfile(parsed.dockerfile, { buildArgs, ignore });
      const got = findings.map(({ rule, detail, range }) => {
        const { description, url } = lintRules[rule];
        return `${range.startLine} ${rule}: ${detail} (${description}, ${url})`;
      });
      const wanted = (warnings ?? []).map(
        (w) => `${w.Line} ${w.RuleName}: ${w.Detail} (${w.Description}, ${w.URL})`,
      );
      expect(got.sort()).toEqual(wanted.sort());
      expect(error).toBe(buildErr.startsWith("lint violation"));
      expect(parsed.error !== undefined).toBe(buildErr.includes("unknown instruction"));
    });
});
