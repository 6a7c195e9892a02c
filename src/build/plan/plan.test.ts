import { describe, expect, test } from "bun:test";
import { parseDockerfile } from "../../dockerfile/index.ts";
import { makePlan, type PlanInput } from "./make.ts";

const platform = { os: "linux", architecture: "amd64" };

function plan(text: string, options: Partial<PlanInput> & { onbuild?: Record<string, string[]> } = {}) {
  return makePlan({
    dockerfile: parseDockerfile(text),
    buildArgs: {},
    buildPlatform: platform,
    targetPlatform: platform,
    triggersOf: async ({ reference }) => options.onbuild?.[reference] ?? [],
    ...options,
  });
}

const three = `
FROM alpine AS build
RUN make
FROM alpine AS unused
FROM scratch
COPY --from=build /out /
`;

describe("stages", () => {
  test("only what the target needs is planned", async () => {
    const { stages, skipped, target } = await plan(three);
    expect([...stages.keys()]).toEqual([0, 2]);
    expect(skipped).toEqual(["unused"]);
    expect(target).toBe(2);
    expect(stages.get(2)!.dependsOn).toEqual([0]);
    expect(stages.get(2)!.label).toBe("stage-2");
  });
  test("by target name, case ignored, or by number", async () => {
    expect((await plan(three, { target: "BUILD" })).target).toBe(0);
    expect([...(await plan(three, { target: "1" })).stages.keys()]).toEqual([1]);
  });
  test("an unknown target gets a suggestion", async () => {
    await expect(plan(three, { target: "biuld" })).rejects.toMatchObject({
      code: "BUILD_TARGET_UNKNOWN",
      hint: "did you mean build?",
    });
  });
  test("a name means the last stage above that has it", async () => {
    const { stages } = await plan("FROM a AS x\nFROM x AS x\nFROM x");
    expect(stages.get(2)!.base).toEqual({ kind: "stage", index: 1 });
    expect(stages.get(1)!.base).toEqual({ kind: "stage", index: 0 });
  });
  test("--from by number, name and image", async () => {
    const { stages } = await plan(
      "FROM a AS x\nFROM b\nCOPY --from=0 /1 /\nCOPY --from=X /2 /\nCOPY --from=img:1 /3 /",
    );
    expect(stages.get(1)!.instructions.map(({ origin }) => origin)).toEqual([
      { kind: "stage", index: 0 },
      { kind: "stage", index: 0 },
      { kind: "image", reference: "img:1" },
    ]);
  });
  test.each([
    ["FROM a AS x\nCOPY --from=x / /", "BUILD_STAGE_CYCLE"],
    ["FROM a AS x\nCOPY --from=y / /\nFROM x AS y", "BUILD_STAGE_CYCLE"],
    ["FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nFROM x", "BUILD_STAGE_UNKNOWN"],
    ["FROM a\nCOPY --from=7 / /", "BUILD_STAGE_UNKNOWN"],
    ["FROM $missing", "BUILD_INSTRUCTION"],
  ])("%j is refused", async (text, code) => {
    await expect(plan(text)).rejects.toMatchObject({ code, sources: [{ text }] });
  });
});

describe("arguments", () => {
  test("global ARGs and build arguments name the base", async () => {
    const text = "ARG tag=1\nARG base=img:$tag\nFROM $base";
    const base = async (buildArgs: Record<string, string>) =>
      (await plan(text, { buildArgs })).stages.get(0)!.base;
    expect(await base({})).toEqual({ kind: "image", reference: "img:1" });
    expect(await base({ tag: "2" })).toEqual({ kind: "image", reference: "img:2" });
  });
  test("platform variables", async () => {
    const { stages } = await plan("FROM --platform=$BUILDPLATFORM img-$TARGETARCH");
    expect(stages.get(0)!.base).toEqual({ kind: "image", reference: "img-amd64", platform: "linux/amd64" });
  });
  test("those nobody declares are told", async () => {
    const buildArgs = { http_proxy: "p", VERSION: "1", b: "2", TARGETARCH: "arm64", SOURCE_DATE_EPOCH: "0" };
    const { unusedArguments } = await plan("FROM a\nARG b", { buildArgs });
    expect(unusedArguments).toEqual(["VERSION"]);
  });
});

describe("ONBUILD", () => {
  test("triggers of an image run first and may bring a stage into the graph", async () => {
    const text = "FROM tools AS assets\nFROM base\nRUN b";
    const { stages } = await plan(text, { onbuild: { base: ["COPY --from=assets /a /a", "RUN a"] } });
    expect([...stages.keys()]).toEqual([0, 1]);
    const { instructions, from } = stages.get(1)!;
    expect(instructions.map(({ instruction, onbuild }) => [instruction.kind, onbuild])).toEqual([
      ["copy", true],
      ["run", true],
      ["run", false],
    ]);
    expect(instructions[0]!.range).toEqual(from.range);
  });
  test("between stages, and not inherited by grandchildren", async () => {
    const { stages } = await plan("FROM a AS x\nONBUILD RUN one\nFROM x AS y\nRUN two\nFROM y\nRUN three");
    const kinds = (index: number) =>
      stages.get(index)!.instructions.map(({ instruction }) => instruction.original);
    expect(kinds(1)).toEqual(["RUN one", "RUN two"]);
    expect(kinds(2)).toEqual(["RUN three"]);
  });
});
