import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildWorkshop } from "../../test/support/build.ts";
import { StrakeError } from "../errors/index.ts";
import type { StrakeEvent } from "../events/index.ts";

let shop: BuildWorkshop;
beforeAll(() => {
  shop = new BuildWorkshop({
    "app.py": "print(1)",
    "run.sh": { content: "#!/bin/sh", mode: 0o755 },
    "lib/a.txt": "a",
    "lib/b.txt": "b",
    current: "-> lib",
    dangling: "-> gone",
  });
});
afterAll(() => shop.remove());

/** The error of a build that must fail. */
async function failure(dockerfile: string, options = {}): Promise<StrakeError> {
  try {
    await shop.build(dockerfile, options);
  } catch (error) {
    if (error instanceof StrakeError) return error;
    throw error;
  }
  throw new Error("the build succeeded");
}

describe("an image", () => {
  test("holds files, configuration and the history Docker shows", async () => {
    const built = await shop.build(`
      ARG base=scratch
      FROM $base
      ENV A=1
      WORKDIR /srv
      COPY --chmod=644 . .
      USER 10:20
      CMD ["a", "b"]`);
    expect(built.files()).toEqual({
      "/srv": "755 directory",
      "/srv/app.py": "644 print(1)",
      "/srv/current": "-> lib",
      "/srv/dangling": "-> gone",
      "/srv/lib": "644 directory",
      "/srv/lib/a.txt": "644 a",
      "/srv/lib/b.txt": "644 b",
      "/srv/run.sh": "644 #!/bin/sh",
    });
    expect(built.history).toEqual([
      "- ENV A=1",
      "+ WORKDIR /srv",
      "+ COPY --chmod=644 . . # buildkit",
      "- USER 10:20",
      '- CMD ["a" "b"]',
    ]);
    expect(built.config.config).toMatchObject({ WorkingDir: "/srv", User: "10:20", Cmd: ["a", "b"] });
  });
  test("has as many layers as history entries that are not empty", async () => {
    const { config } = await shop.build("FROM scratch\nCOPY app.py /\nLABEL a=b\nWORKDIR /x\nWORKDIR /x");
    const full = config.history!.filter(({ empty_layer }) => !empty_layer);
    expect(full).toHaveLength(config.rootfs.diff_ids.length);
    expect(config.rootfs.diff_ids).toHaveLength(2);
  });
  test("of metadata alone has no layer", async () => {
    const { config } = await shop.build("FROM scratch\nLABEL a=b\nEXPOSE 80");
    expect(config.rootfs.diff_ids).toEqual([]);
  });
  test("gets tags and labels", async () => {
    const built = await shop.build("FROM scratch\nLABEL a=1 b=1", {
      tags: ["x/y:1", "z"],
      labels: { b: "2" },
    });
    expect(built.result.tags).toEqual(["docker.io/x/y:1", "docker.io/library/z:latest"]);
    expect(built.config.config!.Labels).toEqual({ a: "1", b: "2" });
    expect(shop.store.images.get("z")!.id).toBe(built.result.imageID);
  });
  test("has times of SOURCE_DATE_EPOCH everywhere", async () => {
    const built = await shop.build("FROM scratch\nWORKDIR /a\nCOPY app.py .\nCMD x", {
      buildArgs: { SOURCE_DATE_EPOCH: "86400" },
    });
    const day = "1970-01-02T00:00:00.000Z";
    expect(built.config.created).toBe(day);
    expect(built.config.history!.map(({ created }) => created)).toEqual([day, day, day]);
    using tree = built.tree();
    expect(tree.lookup("/a")!.mtime).toBe(86400);
    expect(tree.lookup("/a/app.py")!.mtime).toBe(86400);
  });
  test("keeps the time of copied files", async () => {
    using tree = (await shop.build("FROM scratch\nCOPY app.py /")).tree();
    expect(tree.lookup("/app.py")!.mtime).toBe(1_600_000_000);
  });
});

describe("stages", () => {
  const text = `
    FROM scratch AS one
    COPY app.py /deep/app.py
    FROM scratch AS unused
    COPY missing /
    FROM one AS two
    COPY lib /lib
    FROM scratch
    COPY --from=one /deep /d
    COPY --from=2 /lib/a.txt /deep/app.py /`;
  test("are copied from by name and number; what is not needed is not built", async () => {
    const built = await shop.build(text);
    expect(Object.keys(built.files())).toEqual(["/a.txt", "/app.py", "/d", "/d/app.py"]);
    expect(built.outcomes).toContain("[unused] not needed: skipped");
  });
  test("end at the target", async () => {
    const built = await shop.build(text, { target: "one" });
    expect(Object.keys(built.files())).toEqual(["/deep", "/deep/app.py"]);
    expect(built.outcomes.filter((line) => line.endsWith("skipped"))).toHaveLength(3);
  });
  test("pass on ARG, ENV and triggers", async () => {
    const { config } = await shop.build(
      "FROM scratch AS a\nARG v=1\nENV e=$v\nONBUILD LABEL l=$v$e\nFROM a\nLABEL m=$v",
    );
    expect(config.config).toMatchObject({ Labels: { l: "11", m: "1" } });
    expect(config.config!.OnBuild).toBeUndefined();
  });
});

describe("platforms", () => {
  test("of an image from scratch: the host's, the build's, the stage's", async () => {
    const of = async (text: string, platform?: string) => {
      const { os, architecture, variant } = (await shop.build(text, { platform })).config;
      return [os, architecture, variant];
    };
    expect(await of("FROM scratch")).toEqual([
      "linux",
      process.arch === "x64" ? "amd64" : process.arch,
      undefined,
    ]);
    expect(await of("FROM scratch", "linux/arm/v7")).toEqual(["linux", "arm", "v7"]);
    expect(await of("FROM --platform=linux/s390x scratch")).toEqual(["linux", "s390x", undefined]);
  });
  test("a base for another platform than asked for is refused", async () => {
    await shop.addImage("base64", {}, new Uint8Array(1024));
    await shop.build("FROM base64", { platform: "linux/amd64" });
    await expect(shop.build("FROM base64", { platform: "linux/arm64" })).rejects.toMatchObject({
      code: "BUILD_BASE_NOT_FOUND",
      sources: [{ startLine: 1 }],
    });
    await expect(shop.build("FROM --platform=linux/riscv64 base64")).rejects.toMatchObject({
      message: "the image base64 in the store is for linux/amd64, not for linux/riscv64",
    });
  });
});

describe("a cached build", () => {
  const text = "FROM scratch AS a\nWORKDIR /w\nCOPY . .\nFROM scratch\nCOPY --from=a /w /w\nLABEL x=1";
  test("gives the identical image, digest and all", async () => {
    const first = await shop.build(text);
    const second = await shop.build(text);
    expect(second.id).toBe(first.id);
    expect(second.result.steps).toEqual({ done: 0, cached: 3 });
  });
  test("of metadata alone too", async () => {
    const metadata = `FROM scratch\nLABEL when=${Math.random()}`;
    const first = await shop.build(metadata);
    await Bun.sleep(5);
    expect((await shop.build(metadata)).id).toBe(first.id);
  });
  test("survives another Dockerfile around the same step", async () => {
    await shop.build(text);
    const other = await shop.build("FROM scratch\nENV a=b\nWORKDIR /w\nLABEL z=1\nCOPY . .");
    expect(other.result.steps).toEqual({ done: 0, cached: 2 });
  });
  test("is not looked for with noCache", async () => {
    await shop.build(text);
    expect((await shop.build(text, { noCache: true })).result.steps).toEqual({ done: 3, cached: 0 });
  });
});

describe("events", () => {
  test("name stage, number and instruction", async () => {
    const built = await shop.build("FROM scratch AS a\nWORKDIR /n\ncopy app.py \\\n  /n\nFROM a");
    expect(built.outcomes.map((line) => line.replace(/: .*/, ""))).toEqual([
      "[a 1/2] WORKDIR /n",
      "[a 2/2] COPY app.py   /n",
    ]);
  });
  test("warn of build arguments nobody uses", async () => {
    const { events } = await shop.build("FROM scratch\nARG used", { buildArgs: { used: "1", unusd: "1" } });
    expect(events.filter(({ type }) => type === "warning")).toMatchObject([
      { code: "UnusedBuildArg", message: "build argument unusd is used by no ARG" },
    ]);
  });
});

describe("a large context", () => {
  test("is warned of before it is written, with its largest folders; not where they are left out, not copied or cached", async () => {
    const large = new BuildWorkshop({ "app.py": "1", "node_modules/a/disk.img": "", ".git/objects/x": "" });
    try {
      const sizes = { "node_modules/a/disk.img": 1200e6, ".git/objects/x": 90e6, "app.py": 1 };
      for (const [path, size] of Object.entries(sizes)) truncateSync(join(large.context, path), size);
      const stop = new AbortController();
      const warnings: string[] = [];
      const options = {
        signal: stop.signal,
        emit: (event: StrakeEvent) => {
          if (event.type !== "warning") return;
          warnings.push(`${event.code}: ${event.message}`);
          stop.abort();
        },
      };
      await expect(large.build("FROM scratch\nCOPY app.py /\nCOPY . /", options)).rejects.toMatchObject({
        code: "CANCELED",
      });
      expect(warnings).toEqual([
        "LargeContext: the build context has 3 files, 1.3 GB (node_modules 1 file, 1.2 GB; .git 1 file, 90 MB); " +
          "if the image does not need them: printf '%s\\n' 'node_modules' '.git' >> .dockerignore",
      ]);
      const quiet = async (text: string) =>
        (await large.build(text)).events.filter(({ type }) => type === "warning");
      expect(await quiet("FROM scratch\nCOPY app.py /")).toEqual([]);
      writeFileSync(join(large.context, ".dockerignore"), "node_modules\n.git\n");
      expect(await quiet("FROM scratch\nCOPY . /")).toEqual([]);
    } finally {
      large.remove();
    }
  });
});

describe("errors name the line", () => {
  test.each([
    ["a missing source", "FROM scratch\nCOPY app.pi /", "BUILD_COPY_SOURCE", 2, "did you mean app.py?"],
    ["a missing base", "FROM scratch AS biuld\nFROM build", "BUILD_BASE_NOT_FOUND", 2, "did you mean biuld?"],
    [
      "a missing image in --from",
      "FROM scratch\nCOPY --from=nothing / /",
      "BUILD_BASE_NOT_FOUND",
      2,
      undefined,
    ],
    ["an unknown instruction", "FROM scratch\nCOPPY a b", "DOCKERFILE_INSTRUCTION_UNKNOWN", 2, undefined],
    [
      "a line that was to go on",
      "FROM scratch\nRUN a\n&& b",
      "DOCKERFILE_INSTRUCTION_UNKNOWN",
      3,
      "where it goes on with the line before, that one ends with \\",
    ],
    [
      "a link that leads nowhere",
      "FROM scratch\nCOPY dangling/x /",
      "BUILD_COPY_SOURCE",
      2,
      "dangling is a symbolic link to gone, which is not in the build context",
    ],
    ["an unknown user", "FROM scratch\nCOPY --chown=nobody app.py /", "ACCOUNT_NOT_FOUND", 2, undefined],
    ["a bad mode", "FROM scratch\nCOPY --chmod=u~x app.py /", "BUILD_COPY_MODE", 2, undefined],
    ["a URL", "FROM scratch\nADD https://example.com/x /", "BUILD_UNSUPPORTED", 2, undefined],
    ["an empty VOLUME", "FROM scratch\nVOLUME $nothing", "BUILD_INSTRUCTION", 2, "may not be set"],
    ["a WORKDIR on a file", "FROM scratch\nCOPY app.py /f\nWORKDIR /f/g", "BUILD_INSTRUCTION", 3, undefined],
  ])("%s", async (_, text, code, line, hint) => {
    const error = await failure(text);
    expect(error.code as string).toBe(code);
    expect(error.sources[0]).toMatchObject({ startLine: line, text });
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });
  test("and leave nothing behind", async () => {
    await failure("FROM scratch\nCOPY app.py /\nCOPY missing /");
    expect(shop.store.gc({ verify: true, dryRun: true })).toMatchObject({ problems: [] });
  });
  test("a failed build goes on where it stopped", async () => {
    await failure("FROM scratch\nCOPY lib /resume\nCOPY missing /");
    const built = await shop.build("FROM scratch\nCOPY lib /resume\nCOPY app.py /resume-here");
    expect(built.outcomes).toEqual([
      "[1/2] COPY lib /resume: cached",
      "[2/2] COPY app.py /resume-here: done",
    ]);
  });
  test("a missing Dockerfile, a missing context", async () => {
    expect((await failure("", { dockerfile: undefined })).code).toBe("BUILD_NO_DOCKERFILE");
    expect((await failure("FROM scratch\nCOPY a /", { context: undefined })).code).toBe("BUILD_CONTEXT");
    expect((await failure("FROM scratch\nCOPY a /", { context: "/nothing/here" })).code).toBe(
      "BUILD_CONTEXT",
    );
  });
});

test("two builds of one file at once both succeed", async () => {
  const text = `FROM scratch\nCOPY . /together-${Math.random()}`;
  const [a, b] = await Promise.all([shop.build(text), shop.build(text)]);
  expect(a.config.rootfs).toEqual(b.config.rootfs);
});

test("an aborted build is canceled", async () => {
  expect((await failure("FROM scratch\nCOPY . /", { signal: AbortSignal.abort() })).code).toBe("CANCELED");
});

test("a certificate bundle that is not there is refused, used or not", async () => {
  expect(await failure("FROM scratch\nENV A=1", { hostCA: { path: "/no/such/bundle" } })).toMatchObject({
    code: "USAGE",
  });
});

test("what is not supported is refused before the first step, in the stages that are built", async () => {
  const steps: string[] = [];
  const emit = (event: StrakeEvent) => {
    if (event.type === "step.started") steps.push(event.name);
  };
  const last = (line: string) => failure(`FROM scratch AS a\nCOPY app.py /\nENV T=1\n${line}\n`, { emit });
  for (const line of [
    "RUN --mount=type=cache,target=/x true",
    "RUN --security=insecure true",
    "ADD https://example.org/x /",
    "ADD --checksum=sha256:00 app.py /",
  ])
    expect(await last(line)).toMatchObject({ code: "BUILD_UNSUPPORTED", sources: [{ startLine: 4 }] });
  expect(steps).toEqual([]);
  const { config } = await shop.build(
    "FROM scratch AS a\nADD https://example.org/x /\nFROM scratch\nENV A=1\n",
  );
  expect(config.config?.Env).toContain("A=1");
});

test("a quote or brace that does not end is refused before the first step", async () => {
  const steps: string[] = [];
  const emit = (event: StrakeEvent) => {
    if (event.type === "step.started") steps.push(event.name);
  };
  const hints: (string | undefined)[] = [];
  for (const line of [
    'COPY "my file" /',
    'VOLUME /a "/b c"',
    'ENV B="$A',
    "USER ${A",
    "EXPOSE ${A:x}",
    "ONBUILD ARG A='",
  ]) {
    const onbuild = line.startsWith("ONBUILD") ? "FROM a\n" : "";
    const error = await failure(`FROM scratch AS a\nENV A=\nCOPY app.py /\n${line}\n${onbuild}`, { emit });
    expect([line, error.code, error.sources[0]?.startLine]).toEqual([line, "DOCKERFILE_EXPANSION", 4]);
    hints.push(error.hint);
  }
  expect(steps).toEqual([]);
  expect(hints[0]).toContain('COPY ["my file", "/to/"]');
  expect(hints[1]).toContain('VOLUME ["/my folder"]');
  expect(hints[2]).toContain("a \\ before it");
  // What depends on values is not guessed at.
  const { config } = await shop.build(
    "FROM scratch\nENV A=80 B=SIGTERM\nEXPOSE $A\nSTOPSIGNAL $B\nENV C=${A:?}\n",
  );
  expect(config.config?.Env).toContain("C=80");
});

test("a step that copies from another stage begins when that stage has ended", async () => {
  const order: string[] = [];
  const names = new Map<string, string>();
  const emit = (event: StrakeEvent) => {
    if (event.type === "step.started") names.set(event.step, event.name);
    if (event.type === "step.started" || event.type === "step.done")
      order.push(`${event.type} ${names.get(event.step)}`);
  };
  const stages = ["FROM scratch AS a", "COPY lib /lib", "COPY app.py /", "FROM scratch", "COPY --from=a / /"];
  await shop.build(`${stages.join("\n")}\n`, { emit, noCache: true });
  const ended = order.findLastIndex((line) => line.startsWith("step.done [a "));
  const begun = order.findIndex((line) => line.startsWith("step.started") && line.includes("--from=a"));
  expect(ended).toBeGreaterThan(0);
  expect(begun).toBeGreaterThan(ended);
});
