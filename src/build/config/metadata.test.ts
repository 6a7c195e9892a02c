import { describe, expect, test } from "bun:test";
import { expandInstruction, parseDockerfile } from "../../dockerfile/index.ts";
import type { ImageConfig } from "../../oci/index.ts";
import { runText } from "./history.ts";
import { applyMetadata, isMetadata } from "./metadata.ts";
import { defaultPath, initialState, type StageState } from "./stage-state.ts";

const empty: ImageConfig = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } };

function build(
  lines: string,
  options: { base?: ImageConfig; buildArgs?: Record<string, string> } = {},
): StageState {
  const { stages, globalArgs } = parseDockerfile(`ARG global=g\nFROM x\n${lines}`);
  expect(globalArgs).toHaveLength(1);
  let state = initialState(options.base ?? empty);
  for (const written of stages[0]!.instructions) {
    const { instruction } = expandInstruction(written, state.variables);
    if (!isMetadata(instruction)) throw new Error(instruction.kind);
    const scope = { buildArgs: options.buildArgs ?? {}, globals: new Map([["global", "g"]]) };
    state = applyMetadata(state, instruction, scope);
  }
  return state;
}

const lastText = (state: StageState) => state.history.at(-1)?.created_by;

describe("configuration and history text", () => {
  // [instruction, history, part of the configuration]; texts as `docker history` shows them for BuildKit's images.
  test.each([
    ["ENV A=b C='d e'", "ENV A=b C=d e", { Env: [`PATH=${defaultPath}`, "A=b", "C=d e"] }],
    ["ENV PATH=/x:$PATH", `ENV PATH=/x:${defaultPath}`, { Env: [`PATH=/x:${defaultPath}`] }],
    ['LABEL a=1 "b c"=2', "LABEL a=1 b c=2", { Labels: { a: "1", "b c": "2" } }],
    ['CMD ["flask", "run"]', 'CMD ["flask" "run"]', { Cmd: ["flask", "run"] }],
    ['CMD flask "run"', 'CMD ["/bin/sh" "-c" "flask \\"run\\""]', { Cmd: ["/bin/sh", "-c", 'flask "run"'] }],
    ['ENTRYPOINT ["a"]', 'ENTRYPOINT ["a"]', { Entrypoint: ["a"] }],
    ["EXPOSE 80 53/udp", "EXPOSE [53/udp 80/tcp]", { ExposedPorts: { "80/tcp": {}, "53/udp": {} } }],
    ["USER www-data", "USER www-data", { User: "www-data" }],
    ['VOLUME ["/a", "/b"]', "VOLUME [/a /b]", { Volumes: { "/a": {}, "/b": {} } }],
    ["STOPSIGNAL SIGINT", "STOPSIGNAL SIGINT", { StopSignal: "SIGINT" }],
    ['SHELL ["/bin/bash", "-c"]', "SHELL [/bin/bash -c]", { Shell: ["/bin/bash", "-c"] }],
    [
      "HEALTHCHECK --interval=5m --retries=2 CMD curl -f localhost",
      String.raw`HEALTHCHECK &{["CMD-SHELL" "curl -f localhost"] "5m0s" "0s" "0s" "0s" '\x02'}`,
      { Healthcheck: { Test: ["CMD-SHELL", "curl -f localhost"], Interval: 300e9, Retries: 2 } },
    ],
    [
      "HEALTHCHECK NONE",
      String.raw`HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" '\x00'}`,
      { Healthcheck: { Test: ["NONE"] } },
    ],
  ])("%s", (line, text, part) => {
    const state = build(line);
    expect(lastText(state)).toBe(text);
    expect(state.history.at(-1)).toMatchObject({ empty_layer: true, comment: "buildkit.dockerfile.v0" });
    expect(state.config).toMatchObject(part);
  });
  test("MAINTAINER sets the author", () => {
    const state = build("MAINTAINER me");
    expect(state.image.author).toBe("me");
    expect(lastText(state)).toBe("MAINTAINER me");
  });
  test("ONBUILD is stored as text without a history entry", () => {
    const state = build("ONBUILD COPY . /src");
    expect(state.config.OnBuild).toEqual(["COPY . /src"]);
    expect(state.history).toEqual([]);
  });
});

describe("inheritance", () => {
  const base: ImageConfig = {
    ...empty,
    created: "2024-01-01T00:00:00Z",
    config: { Cmd: ["old"], Env: ["PATH=/p"], OnBuild: ["RUN x"], Labels: { a: "1" } },
    history: [{ created_by: "base" }],
  };
  test("ENTRYPOINT clears an inherited CMD but not the stage's own", () => {
    expect(build('ENTRYPOINT ["e"]', { base }).config.Cmd).toBeUndefined();
    expect(build('CMD ["c"]\nENTRYPOINT ["e"]', { base }).config.Cmd).toEqual(["c"]);
  });
  test("PATH is added only where missing, triggers are dropped, history is kept", () => {
    const state = build("LABEL b=2", { base });
    expect(state.config).toEqual({ Cmd: ["old"], Env: ["PATH=/p"], Labels: { a: "1", b: "2" } });
    expect(state.history[0]).toEqual({ created_by: "base", inherited: true });
    expect(state.image).toEqual({ architecture: "amd64", os: "linux" });
  });
});

describe("ARG", () => {
  test("command line before default before global scope", () => {
    const text = (line: string, buildArgs = {}) => lastText(build(line, { buildArgs }));
    expect(text("ARG a=1")).toBe("ARG a=1");
    expect(text("ARG a=1", { a: "2" })).toBe("ARG a=2");
    expect(text("ARG global")).toBe("ARG global=g");
    expect(text("ARG other")).toBe("ARG other");
  });
  test("ENV hides an argument from its line on; the argument is no configuration", () => {
    const state = build("ARG a=1\nENV a=2\nENV b=$a");
    expect(state.variables.get("b")).toBe("2");
    expect(build("ARG a=1").config.Env).toEqual([`PATH=${defaultPath}`]);
  });
  test("RUN's history shows the arguments it could see", () => {
    const state = build("ARG a=1\nARG unset\nARG a=2", {});
    expect(runText(state, ["/bin/sh", "-c", "make"])).toBe("RUN |2 a=2 unset= /bin/sh -c make # buildkit");
    expect(runText(build("ENV x=1"), ["make"])).toBe("RUN make # buildkit");
  });
});
