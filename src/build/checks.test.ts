import { afterAll, beforeAll, expect, test } from "bun:test";
import { BuildWorkshop } from "../../test/support/build.ts";
import type { StrakeEvent } from "../events/index.ts";
import type { BuildOptions } from "./options.ts";

let shop: BuildWorkshop;
beforeAll(async () => {
  shop = new BuildWorkshop({ a: "a", b: "b", ".dockerignore": "b" });
  await shop.build("FROM scratch\nENV HOME_OF_BASE=/h\nCOPY a /", { tags: ["base:1"] });
});
afterAll(() => shop.remove());

/** `line rule` of each warning, and the code of the build's error. */
async function checked(dockerfile: string, options: Partial<BuildOptions> = {}): Promise<string[]> {
  const said: string[] = [];
  const emit = (event: StrakeEvent) => {
    if (event.type === "warning") said.push(`${event.source?.startLine ?? "-"} ${event.code}`);
    if (event.type === "step.started" && event.name.includes("COPY")) said.push("copies");
  };
  try {
    await shop.build(dockerfile, { ...options, emit });
  } catch (error) {
    said.push((error as { code: string }).code);
  }
  return said;
}

test("a build warns of what docker build warns of", async () => {
  expect(await checked("FROM scratch as X\nENV A = b\nMAINTAINER me\nWORKDIR x\nCMD y\n")).toEqual([
    "1 StageNameCasing",
    "1 FromAsCasing",
    "2 LegacyKeyValueFormat",
    "3 MaintainerDeprecated",
    "4 WorkdirRelativePath",
    "5 JSONArgsRecommended",
  ]);
});

test("knows the variables of its bases, and which stages it leaves out", async () => {
  expect(await checked("FROM base:1 AS one\nCMD x\nFROM base:1\nENV A=$HOME_OF_BASE B=$OF_NOBODY\n")).toEqual(
    ["4 UndefinedVar"],
  );
  expect(await checked("FROM base:1 AS one\nCMD x\nFROM one\nENV A=$HOME_OF_BASE\n")).toEqual([
    "2 JSONArgsRecommended",
  ]);
});

test("stops before the first step where the check directive says so", async () => {
  const text = "FROM scratch\nENV A = b\nCOPY a /\n";
  expect(await checked(text)).toEqual(["2 LegacyKeyValueFormat", "copies"]);
  expect(await checked(`# check=error=true\n${text}`)).toEqual([
    "3 LegacyKeyValueFormat",
    "DOCKERFILE_CHECK",
  ]);
  expect(await checked(`# check=error=true;skip=LegacyKeyValueFormat\n${text}`)).toEqual(["copies"]);
  const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: "skip=all" };
  expect(await checked(`# check=error=true\n${text}`, { buildArgs })).toEqual(["copies"]);
});

test("of a source that is ignored, when that experiment is asked for", async () => {
  const text = "# check=experimental=CopyIgnoredFile\nFROM scratch\nCOPY b /\n";
  expect(await checked(text)).toEqual(["3 CopyIgnoredFile", "copies", "BUILD_COPY_SOURCE"]);
});
