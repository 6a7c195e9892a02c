// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { StrakeError } from "../errors/index.ts";
import { expandInstruction } from "./expand-instruction.ts";
import { parseDockerfile } from "./parse.ts";

const variables = { a: "1", b: "x y", dir: "/d", p: "80 443/udp", s: "TERM", T: "cache" };

function expandLine(text: string) {
  const from = text.startsWith("FROM");
  const [stage] = parseDockerfile(from ? text : `FROM scratch\n${text}`).stages;
  return expandInstruction(from ? stage!.from : stage!.instructions[0]!, variables);
}

describe("expanded", () => {
  const rows: readonly [text: string, fields: object][] = [
    ["FROM --platform=linux/$a img:${a} AS x", { image: "img:1", platform: "linux/1" }],
    ["ARG v$a=$b w", { args: [{ name: "v1", value: "x y" }, { name: "w" }] }],
    [
      "ENV a=2 c=$a d=\"$b\" e='$b'",
      { variables: [{ value: "2" }, { value: "1" }, { value: "x y" }, { value: "$b" }] },
    ],
    ['ENV k $a and "$b"', { variables: [{ key: "k", value: "1 and x y" }] }],
    ["LABEL l$a=$b", { labels: [{ key: "l1", value: "x y" }] }],
    ["COPY --chown=$a --chmod=$a s$a $dir/", { chown: "1", chmod: "1", sources: ["s1"], destination: "/d/" }],
    ['COPY ["$b", "$dir"]', { sources: ["x y"], destination: "/d" }],
    ["ADD --checksum=sha256:$a http://$a /", { checksum: "sha256:1", sources: ["http://1"] }],
    [
      "COPY <<-A <<'B' /x\n\t$b \"$a\"\nA\n$a\nB",
      { heredocs: [{ content: 'x y "1"\n' }, { content: "$a\n" }] },
    ],
    ['WORKDIR $dir/"a b"', { path: "/d/a b" }],
    ["USER $a:$a", { user: "1:1" }],
    ["EXPOSE $p 5000", { ports: ["80", "443/udp", "5000"] }],
    ['VOLUME ["$dir"]', { paths: ["/d"] }],
    ["STOPSIGNAL SIG$s", { signal: "SIGTERM" }],
    [
      "RUN --mount=type=$T,target=$dir $a",
      { mounts: [{ type: "cache", target: "/d" }], command: { text: "$a" } },
    ],
  ];
  for (const [text, fields] of rows)
    test(text, () => expect(expandLine(text).instruction).toMatchObject(fields));
});

test("commands and triggers are left as they are", () => {
  for (const text of [
    "RUN $a",
    "CMD $a",
    'ENTRYPOINT ["$a"]',
    "HEALTHCHECK CMD $a",
    'SHELL ["$a"]',
    "ONBUILD COPY $a b",
  ]) {
    const { instruction, used, unset } = expandLine(text);
    expect(JSON.stringify(instruction)).toContain("$a");
    expect([...used, ...unset]).toEqual([]);
  }
});

test("the original is not touched, and what was asked for is told", () => {
  const env = parseDockerfile("FROM x\nENV k=$a$unset").stages[0]!.instructions[0]!;
  const before = JSON.stringify(env);
  const { used, unset } = expandInstruction(env, variables);
  expect([[...used], [...unset]]).toEqual([["a"], ["unset"]]);
  expect(JSON.stringify(env)).toBe(before);
});

test("errors show the line when the text is given", () => {
  const text = "FROM x\nUSER ${u:?who}";
  const user = parseDockerfile(text).stages[0]!.instructions[0]!;
  let thrown: unknown;
  try {
    expandInstruction(user, {}, { text });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(StrakeError);
  expect(thrown).toMatchObject({
    code: "DOCKERFILE_VARIABLE_REQUIRED",
    message: "u: who",
    sources: [{ startLine: 2, text }],
  });
});

test("expanded values are checked", () => {
  const line = (text: string, values: Record<string, string>) =>
    expandInstruction(parseDockerfile(`FROM x\n${text}`).stages[0]!.instructions[0]!, values);
  expect(() => line("STOPSIGNAL $x", { x: "NOPE" })).toThrow("invalid signal");
  expect(() => line("RUN --mount=type=$x,target=/a y", { x: "nope" })).toThrow("unsupported mount type");
});
