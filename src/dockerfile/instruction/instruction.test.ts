// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { StrakeError } from "../../errors/index.ts";
import type { Instruction } from "../ast.ts";
import { parseDockerfile } from "../parse.ts";

function read(text: string): Instruction {
  const { stages } = parseDockerfile(text.toUpperCase().startsWith("FROM") ? text : `FROM scratch\n${text}`);
  return stages[0]!.instructions[0] ?? stages[0]!.from;
}

/** Each row: an instruction and the fields it is read to. */
const accepted: readonly [text: string, fields: object][] = [
  ["FROM a:b@sha256:0", { kind: "from", image: "a:b@sha256:0" }],
  ["FROM --platform=linux/arm64 a as B.1-x_y", { image: "a", platform: "linux/arm64", stageName: "b.1-x_y" }],
  [
    "ARG A B= C=\"x y\" D='z'",
    {
      args: [
        { name: "A" },
        { name: "B", value: "" },
        { name: "C", value: '"x y"' },
        { name: "D", value: "'z'" },
      ],
    },
  ],
  [
    "ENV a=1 b='x y' c=x\\ y",
    {
      variables: [
        { key: "a", value: "1", legacy: false },
        { key: "b", value: "'x y'", legacy: false },
        { key: "c", value: "x\\ y", legacy: false },
      ],
    },
  ],
  ["ENV a  b c = d", { variables: [{ key: "a", value: "b c = d", legacy: true }] }],
  ['LABEL "a.b"=c', { labels: [{ key: '"a.b"', value: "c", legacy: false }] }],
  ['RUN ["a", "b c"]', { command: { form: "exec", args: ["a", "b c"] } }],
  ["RUN [ -f x ] && y", { command: { form: "shell", text: "[ -f x ] && y" } }],
  [
    "RUN --network=none --security=insecure --device=vendor/class=gpu0,required x",
    { network: "none", security: "insecure", devices: [{ name: "vendor/class=gpu0", required: true }] },
  ],
  [
    "RUN --device=name=a/b --device=a/b=*,required=false x",
    {
      devices: [
        { name: "a/b", required: false },
        { name: "a/b=*", required: false },
      ],
    },
  ],
  ["RUN -- --mount=x", { command: { text: "--mount=x" }, flags: [] }],
  ["CMD []", { command: { form: "exec", args: [] } }],
  ["CMD a && b", { command: { form: "shell", text: "a && b" } }],
  ["ENTRYPOINT FLASK_APP=/x flask run", { command: { text: "FLASK_APP=/x flask run" } }],
  ["COPY a b /c/", { sources: ["a", "b"], destination: "/c/", link: false, parents: false, excludes: [] }],
  ['COPY ["a b", "/c d/"]', { sources: ["a b"], destination: "/c d/" }],
  [
    "COPY --from=0 --chown=u:g --chmod=u+x --link --parents=TRUE --exclude=*.o --exclude=x a b",
    { from: "0", chown: "u:g", chmod: "u+x", link: true, parents: true, excludes: ["*.o", "x"] },
  ],
  ['COPY --link=false --exclude="a b" a b', { link: false, excludes: ["a b"] }],
  [
    "ADD --keep-git-dir --checksum=sha256:0 --unpack=false --link a b",
    { keepGitDir: true, checksum: "sha256:0", unpack: false, link: true },
  ],
  ["ADD a b", { kind: "add", sources: ["a"], destination: "b" }],
  ["WORKDIR a b", { path: "a b" }],
  ["USER 1000:1000", { user: "1000:1000" }],
  ["EXPOSE 9/udp 80 443-445/tcp $P", { ports: ["$P", "443-445/tcp", "80", "9/udp"] }],
  ["VOLUME /a /b", { paths: ["/a", "/b"] }],
  ['VOLUME ["/a b", " /c "]', { paths: ["/a b", "/c"] }],
  ["STOPSIGNAL SIGRTMIN+3", { signal: "SIGRTMIN+3" }],
  ["STOPSIGNAL $S", { signal: "$S" }],
  ['SHELL ["a", "-c"]', { args: ["a", "-c"] }],
  ["MAINTAINER me <a@b>", { author: "me <a@b>" }],
  ["HEALTHCHECK NONE", { options: {} }],
  [
    "HEALTHCHECK --interval=1m30s --timeout=0 --start-period=1.5h --start-interval=1ms --retries=3 CMD a b",
    {
      command: { form: "shell", text: "a b" },
      options: { interval: 90e9, timeout: 0, startPeriod: 5400e9, startInterval: 1e6, retries: 3 },
    },
  ],
  ['HEALTHCHECK cmd ["a"]', { command: { form: "exec", args: ["a"] }, options: {} }],
  ["ONBUILD  RUN a", { text: "RUN a", trigger: { kind: "run" } }],
];

describe("accepted", () => {
  for (const [text, fields] of accepted) test(text, () => expect(read(text)).toMatchObject(fields));

  test("what was not written is absent", () => {
    expect(Object.keys(read("ADD a b"))).not.toContain("unpack");
    expect(Object.keys(read("COPY a b"))).not.toContain("from");
    expect(read("HEALTHCHECK NONE")).not.toHaveProperty("command");
  });
});

/** Each row: an instruction and part of the error message. */
const refused: readonly [text: string, message: string][] = [
  ["FROM", "one or three arguments"],
  ["FROM a b", "one or three arguments"],
  ["FROM a is b", "one or three arguments"],
  ["FROM a AS 1b", "invalid name for build stage"],
  ["FROM a AS b/c", "invalid name for build stage"],
  ["FROM --plattform=x a", "unknown flag: --plattform (did you mean platform?)"],
  ["ARG", "at least one argument"],
  ["ARG =x", "names can not be blank"],
  ["ENV", "at least one argument"],
  ["ENV a", "ENV must have two arguments"],
  ["ENV a=b c", "can't find = in"],
  ["ENV =b", "names can not be blank"],
  ["LABEL --x=y a=b", "unknown flag: --x"],
  ["RUN", "at least one argument"],
  ["RUN []", "at least one argument"],
  ["RUN --network=hosts x", "did you mean host?"],
  ["RUN --network=none --network=none x", "duplicate flag specified: --network"],
  ["RUN --network x", "missing a value on flag: --network"],
  ["RUN --security=on x", "security mode"],
  ["RUN --device=required x", "needs a name"],
  ["RUN --device=a,b x", "must be a key=value pair"],
  ["RUN --device=a,require=1 x", "did you mean required?"],
  ["RUN --Network=none x", "unknown flag: --Network (did you mean network?)"],
  ['CMD ["a", 1]', "arrays must be comprised of strings only"],
  ["COPY a", "at least two arguments"],
  ["COPY", "at least two arguments"],
  ["COPY --form=x a b", "unknown flag: --form (did you mean from?)"],
  ["COPY --from=$X a b", "variable expansion is not supported for --from"],
  ["COPY --link=yes a b", "expecting boolean value"],
  ["COPY --link= a b", "missing a value"],
  ["COPY --checksum=x a b", "unknown flag: --checksum"],
  ["ADD --from=x a b", "unknown flag: --from"],
  ["ADD --parents a b", "unknown flag: --parents"],
  ["WORKDIR", "exactly one argument"],
  ["USER", "exactly one argument"],
  ["EXPOSE", "at least one argument"],
  ["VOLUME", "at least one argument"],
  ['VOLUME [""]', "can not be an empty string"],
  ["STOPSIGNAL SIGNOPE", "invalid signal: SIGNOPE"],
  ["STOPSIGNAL 0", "invalid signal: 0"],
  ["SHELL sh -c", "JSON form"],
  ["SHELL []", "at least one argument"],
  ["HEALTHCHECK", "at least one argument"],
  ["HEALTHCHECK NONE x", "takes no arguments"],
  ["HEALTHCHECK CMD", "missing command"],
  ["HEALTHCHECK TCP 1", 'unknown type "TCP"'],
  ["HEALTHCHECK --interval=5 CMD a", 'invalid duration "5"'],
  ["HEALTHCHECK --interval=999us CMD a", "less than 1ms"],
  ["HEALTHCHECK --timeout=-1s CMD a", "less than 1ms"],
  ["HEALTHCHECK --retries=-1 CMD a", "cannot be negative"],
  ["HEALTHCHECK --retries=x CMD a", "must be a number"],
  ["ONBUILD", "at least one argument"],
  ["ONBUILD ONBUILD RUN a", "isn't allowed"],
  ["ONBUILD FROM a", "FROM isn't allowed"],
  ["ONBUILD MAINTAINER a", "MAINTAINER isn't allowed"],
  ["ONBUILD RUNN a", "did you mean RUN?"],
];

describe("refused", () => {
  for (const [text, message] of refused)
    test(text, () => {
      let thrown: unknown;
      try {
        read(text);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(StrakeError);
      expect((thrown as StrakeError).message).toContain(message);
      expect((thrown as StrakeError).sources).toHaveLength(1);
    });
});
