import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeStrake } from "../support/strake.ts";

/** Completes in the real shells: the scripts are sourced and asked as a Tab asks. `scripts/setup-peers` installs zsh and fish. */
const has = (shell: string) => {
  if (Bun.which(shell)) return true;
  console.log(`test/e2e/completion.test.ts: ${shell} is not installed; skipped`);
  return false;
};

let home: string;
const scripts: Record<string, string> = {};
beforeAll(async () => {
  const strake = makeStrake();
  for (const shell of ["bash", "zsh", "fish"]) scripts[shell] = await strake.ok("completion", shell);
  await strake.remove();
  home = mkdtempSync(join(tmpdir(), "strake-completion-"));
  mkdirSync(join(home, "bin"));
  // What the scripts ask for names; the program itself has its own tests.
  writeFileSync(
    join(home, "bin/strake"),
    '#!/bin/sh\ncase "$*" in images*) echo busybox:1 ;; volume*) echo data ;; *s}}:) echo web: ;; ps*) echo web ;; esac\n',
    { mode: 0o755 },
  );
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function say(command: string[]): string {
  const env = { ...process.env, HOME: home, PATH: `${home}/bin:${process.env.PATH}`, TERM: "dumb" };
  const { stdout, stderr } = Bun.spawnSync(command, { env, cwd: home, timeout: 60_000 });
  return `${stdout}${stderr}`;
}

describe.skipIf(!has("fish"))("fish", () => {
  test.each([
    ["strake bui", "build\t"],
    ["strake build --no", "--no-cache\t"],
    ["strake build --network ", "none"],
    ["strake run bus", "busybox:1"],
    ["strake container l", "logs\t"],
    ["strake container ls --no", "--no-trunc\t"],
    ["strake stop w", "web"],
    ["strake attach w", "web"],
    ["strake cp w", "web:"],
    ["strake cp bi", "bin/"],
    ["strake volume rm d", "data"],
  ])("%s", (line, expected) => {
    const script = join(home, "strake.fish");
    writeFileSync(script, scripts.fish!);
    const said = say(["fish", "--no-config", "-c", `source ${script}; complete -C ${JSON.stringify(line)}`]);
    expect(said).toContain(expected);
  });
});

test.skipIf(!has("fish"))("fish keeps apart commands whose last words are the same", () => {
  const script = join(home, "strake.fish");
  writeFileSync(script, scripts.fish!);
  const complete = (line: string) =>
    say(["fish", "--no-config", "-c", `source ${script}; complete -C "${line}"`]);
  expect(complete("strake artifact attach ")).not.toContain("web");
  expect(complete("strake attach --")).not.toContain("--artifact-type");
  expect(complete("strake container attach ")).toContain("web");
});

describe.skipIf(!has("bash"))("bash", () => {
  test.each([
    ["strake bui", "build"],
    ["strake run --network no", "none"],
    ["strake run bus", "busybox:1"],
    ["strake container att", "attach"],
    ["strake attach w", "web"],
    ["strake cp w", "web:"],
    ["strake cp bi", "bin"],
    ["strake volume rm d", "data"],
  ])("%s", (line, expected) => {
    const script = join(home, "strake.bash");
    writeFileSync(script, scripts.bash!);
    const ask = `source ${script}; COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _strake; echo "\${COMPREPLY[*]}"`;
    expect(say(["bash", "--norc", "-c", ask])).toBe(`${expected}\n`);
  });
});

describe.skipIf(!has("zsh"))("zsh", () => {
  test("completes commands, flags, images and containers", () => {
    writeFileSync(join(home, "_strake"), scripts.zsh!);
    const lines: [typed: string, completed: string][] = [
      ["strake bui", "strake build "],
      ["strake build --no-c", "strake build --no-cache "],
      ["strake run bus", "strake run busybox:1 "],
      ["strake container log", "strake container logs "],
      ["strake ps --no-t", "strake ps --no-trunc "],
      ["strake container ls --al", "strake container ls --all "],
      ["strake container logs --foll", "strake container logs --follow "],
      ["strake stop w", "strake stop web "],
      ["strake cp w", "strake cp web:"],
      ["strake volume rm d", "strake volume rm data "],
    ];
    writeFileSync(join(home, "drive.zsh"), drive(lines.map(([typed]) => typed)));
    expect(
      say(["zsh", "-f", join(home, "drive.zsh")])
        .split("\n")
        .slice(0, -1),
    ).toEqual(lines.map(([, completed]) => completed));
  });
});

/** A shell in a terminal of its own, where ^X^P prints the line as it is after the Tab. */
function drive(lines: readonly string[]): string {
  return `zmodload zsh/zpty
touch ${home}/out
zpty shell zsh -f -i
zpty -w shell "PS1=; PS2=; fpath=(${home} \\$fpath); autoload -U compinit; compinit -u -d ${home}/dump"
zpty -w shell "show() { print -r -- \\"<\\$BUFFER>\\" >>${home}/out; BUFFER=; }; zle -N show; bindkey '^X^P' show; print REA''DY"
zpty -r shell said '*READY*'
for line in ${lines.map((line) => `'${line}'`).join(" ")}; do
  before=$(wc -l <${home}/out 2>/dev/null || echo 0)
  zpty -w -n shell "$line"$'\\t\\x18\\x10'
  for try in {1..200}; do
    zpty -r -t shell said
    [ "$(wc -l <${home}/out 2>/dev/null || echo 0)" -gt "$before" ] && break
    sleep 0.05
  done
done
zpty -d shell
sed 's/^<//; s/>$//' ${home}/out
`;
}
