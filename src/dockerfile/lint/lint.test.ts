// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { IgnoreMatcher, parseIgnoreFile } from "../ignore.ts";
import { parseDockerfile, parseUntilError } from "../parse.ts";
import { type LintOptions, lintDockerfile } from "./lint.ts";
import { lintRules } from "./rules.ts";

function lint(text: string, options: LintOptions = {}): string[] {
  const { findings } = lintDockerfile(parseDockerfile(text), options);
  return findings.map(({ rule, detail, range }) => `${range.startLine} ${rule}: ${detail}`);
}

const rows: readonly [name: string, text: string, findings: string[]][] = [
  ["clean", 'FROM scratch AS a\nENV x=1\nWORKDIR /x\nCMD ["a"]\nFROM a\nCOPY $x .\n', []],
  [
    "stage names",
    "FROM scratch AS A\nFROM scratch AS a\nFROM scratch AS context",
    [
      "1 StageNameCasing: Stage name 'A' should be lowercase",
      '2 DuplicateStageName: Duplicate stage name "a", stage names should be unique',
      '3 ReservedStageName: Stage name should not use the same name as reserved stage "context"',
    ],
  ],
  [
    "as and from",
    "FROM scratch as a\nFROM scratch As b",
    [
      "1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
      "2 FromAsCasing: 'As' and 'FROM' keywords' casing do not match",
    ],
  ],
  [
    "keyword casing",
    "FROM scratch\nENV a=1\nEnv b=1\nenv c=1",
    [
      "3 ConsistentInstructionCasing: Command 'Env' should match the case of the command majority (uppercase)",
      "4 ConsistentInstructionCasing: Command 'env' should match the case of the command majority (uppercase)",
    ],
  ],
  ["empty continuation", "FROM scratch\nCOPY a \\\n\n b", ["4 NoEmptyContinuation: Empty continuation line"]],
  [
    "shell forms",
    'FROM x AS a\nCMD a\nENTRYPOINT ["a"]\nSHELL ["s"]\nENTRYPOINT b\nFROM a\nCMD c',
    [
      "2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
      "3 MultipleInstructionsDisallowed: Multiple ENTRYPOINT instructions should not be used in the same stage because only the last one will be used",
    ],
  ],
  [
    "undefined variables",
    "ARG g=1\nFROM x\nARG g\nENV home=$g${gg}\nCOPY $hom $HTTP_PROXY$PATH /",
    [
      "4 UndefinedVar: Usage of undefined variable '$gg'",
      "5 UndefinedVar: Usage of undefined variable '$hom' (did you mean $home?)",
    ],
  ],
  [
    "variables in FROM",
    "ARG BASE\nARG TAG=1\nFROM $BASE\nFROM x:$TAGS",
    [
      "3 InvalidDefaultArgInFrom: Default value for ARG $BASE results in empty or invalid base image name",
      "4 UndefinedArgInFrom: FROM argument 'TAGS' is not declared (did you mean TAG?)",
      "4 InvalidDefaultArgInFrom: Default value for ARG x:$TAGS results in empty or invalid base image name",
    ],
  ],
  [
    "platforms",
    "FROM --platform=${TARGETPLATFORM} x\nFROM --platform=linux/arm64 x AS a\nFROM --platform=$BUILDPLATFORM x\nFROM --platform=linux/arm64 x AS a-arm64",
    [
      "1 RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior",
      '2 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/arm64"',
    ],
  ],
  [
    "legacy pairs",
    "FROM scratch\nENV a b\nLABEL a b",
    [
      '2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format',
      '3 LegacyKeyValueFormat: "LABEL key=value" should be used instead of legacy "LABEL key value" format',
    ],
  ],
  [
    "secrets",
    "FROM scratch\nARG NPM_TOKEN token_version\nENV monkey=1 my_Key=2 KEY_FILE=3",
    [
      '2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "NPM_TOKEN")',
      '3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "my_Key")',
    ],
  ],
  [
    "work directories",
    "FROM x AS a\nWORKDIR a\nWORKDIR b\nFROM a\nWORKDIR c\nFROM x\nWORKDIR /\nWORKDIR d",
    ['2 WorkdirRelativePath: Relative workdir "a" can have unexpected results if the base image changes'],
  ],
  [
    "maintainer",
    "FROM x\nMAINTAINER me",
    ["2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"],
  ],
  [
    "ports",
    "FROM x\nENV p=1/UDP\nEXPOSE $p 127.0.0.1:80:80",
    [
      "3 ExposeProtoCasing: Defined protocol '1/UDP' in EXPOSE instruction should be lowercase",
      "3 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ],
  ],
  [
    "descriptions",
    "# check=experimental=InvalidDefinitionDescription\n\n# wrong\nARG a\n# a right\nARG a\n# wrong\nARG b c\n# wrong\n\nFROM x AS s\n# free\nRUN x",
    [
      "4 InvalidDefinitionDescription: Comment for ARG should follow the format: `# a <description>`",
      "8 InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key> <description>`",
    ],
  ],
];

describe("findings", () => {
  for (const [name, text, findings] of rows) test(name, () => expect(lint(text)).toEqual(findings));

  test("ignored files", () => {
    const options = (rules: string) => ({ ignore: new IgnoreMatcher(parseIgnoreFile(rules)) });
    const text =
      "# check=experimental=all\nFROM x AS a\nCOPY a *.o http://a /d/\nADD ./sub/a /d\nCOPY --from=a a b";
    expect(lint(text, options("a\nsub\n*.o"))).toEqual([
      '3 CopyIgnoredFile: Attempting to Copy file "a" that is excluded by .dockerignore',
      '4 CopyIgnoredFile: Attempting to Add file "./sub/a" that is excluded by .dockerignore',
    ]);
    expect(lint(text, options("a\n!b"))).toEqual([]);
  });

  test("of stages that are not built only what is seen in the file as written", () => {
    const text = "FROM x as A\nENV a b\nCMD c\nUSER $d\nFROM x AS b\nCMD x\nUSER $d";
    expect(lint(text)).toHaveLength(7);
    const rules = (stages: ReadonlySet<number>) =>
      lint(text, { stages }).map((line) => line.slice(0, line.indexOf(":")));
    expect(rules(new Set([1]))).toEqual([
      "1 StageNameCasing",
      "1 FromAsCasing",
      "2 LegacyKeyValueFormat",
      "6 JSONArgsRecommended",
      "7 UndefinedVar",
    ]);
  });

  test("variables of the base image are known when given", () => {
    const text = "FROM jdk\nCOPY x $JAVA_HOME";
    expect(lint(text)).toHaveLength(1);
    expect(
      lint(text, { baseEnvironment: (image) => (image === "jdk" ? [["JAVA_HOME", "/j"]] : []) }),
    ).toEqual([]);
  });

  test("come although the file ends in an error", () => {
    const { dockerfile, error } = parseUntilError("FROM x AS A\nMAINTAINER me\nNOPE\nMAINTAINER you");
    expect(error).toMatchObject({ code: "DOCKERFILE_INSTRUCTION_UNKNOWN" });
    expect(lintDockerfile(dockerfile).findings.map(({ rule }) => rule)).toEqual([
      "StageNameCasing",
      "MaintainerDeprecated",
    ]);
  });

  test("an instruction that cannot be expanded is left to the build", () => {
    expect(lint("FROM x\nUSER ${u:?}\nUSER ${u}")).toHaveLength(1);
    expect(lint("ARG a=${b:?}\nFROM ${c:?}")).toEqual([]);
  });
});

describe("checks are skipped", () => {
  const text = "FROM x as A\nMAINTAINER me\nCOPY a \\\n\n b";
  const all: readonly string[] = [
    "FromAsCasing",
    "StageNameCasing",
    "MaintainerDeprecated",
    "NoEmptyContinuation",
  ];
  const rulesOf = (text: string, options?: LintOptions): string[] =>
    lintDockerfile(parseDockerfile(text), options)
      .findings.map(({ rule }) => rule)
      .sort();

  test("for the file", () => {
    expect(rulesOf(text)).toEqual(all.toSorted());
    expect(rulesOf(`# check=skip=all\n${text}`)).toEqual([]);
    expect(rulesOf(`# check=skip=${all[0]},${all[3]}\n${text}`)).toEqual([all[2]!, all[1]!]);
  });

  test("for a stage, and for one instruction", () => {
    expect(rulesOf(`\n# check=skip=all\n${text}`)).toEqual([]);
    expect(rulesOf(`\n# check=skip=FromAsCasing\n${text}`)).not.toContain("FromAsCasing");
    const inline = text.replace("MAINTAINER", "# check=skip=MaintainerDeprecated\nMAINTAINER");
    expect(rulesOf(inline)).not.toContain("MaintainerDeprecated");
    const empty = text.replace("COPY", "# check=skip=NoEmptyContinuation\nCOPY");
    expect(rulesOf(empty)).not.toContain("NoEmptyContinuation");
  });

  test("by a build argument, which may also make findings errors", () => {
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: "skip=all;error=true" };
    expect(rulesOf(text, { buildArgs })).toEqual([]);
    expect(lintDockerfile(parseDockerfile(text), { buildArgs }).error).toBe(true);
  });
});

test("every rule has its page", () => {
  for (const [name, { url }] of Object.entries(lintRules)) {
    const page = name.replace(/(?<=[a-z])(?=[A-Z])|(?<=JSON)/g, "-").toLowerCase();
    expect(url).toBe(`https://docs.docker.com/go/dockerfile/rule/${page}/`);
  }
});
