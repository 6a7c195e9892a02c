import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { specs } from "../spec/all.ts";
import { compileTemplate } from "../template/index.ts";
import { bytes } from "./create-options.ts";
import { errorReference } from "./error-reference.ts";
import { helpFor } from "./help.ts";
import { ago, humanDuration, humanSize, seconds, shortId, truncate } from "./human.ts";
import { filters, pairs } from "./pairs.ts";
import { cliReference } from "./reference.ts";
import { renderTable } from "./table.ts";
import { parseTime } from "./time.ts";

describe("pages made from the specs", () => {
  const docs = join(import.meta.dir, "..", "..", "..", "docs");

  test("docs/cli.md is what the specs say; npm run docs writes it", () => {
    expect(readFileSync(join(docs, "cli.md"), "utf8")).toBe(cliReference(specs));
  });

  test("docs/errors.md is what the table of codes says; npm run docs writes it", () => {
    expect(readFileSync(join(docs, "errors.md"), "utf8")).toBe(errorReference());
  });

  test("help exists for every command, names its flags, and hides what is hidden", () => {
    for (const spec of specs) {
      const page = helpFor(specs, spec.name.split(" "));
      expect(page).toContain(`Usage: strake ${spec.name}`);
      for (const [name, flag] of Object.entries(spec.flags))
        expect(page.includes(`--${name}`)).toBe(!flag.hidden);
    }
    expect(helpFor(specs, [])).not.toContain("cleanup");
    expect(helpFor(specs, ["image"])).toContain("prune");
  });

  test.each([
    ["bash", bashCompletion],
    ["zsh", zshCompletion],
    ["fish", fishCompletion],
  ] as const)("completion for %s is accepted by the shell", (shell, make) => {
    const script = make(specs);
    expect(script).toContain("no-cache");
    expect(script).not.toContain("cleanup");
    if (Bun.which(shell) === null) {
      console.log(`skipped: ${shell} is not installed`);
      return;
    }
    const { exitCode, stderr } = Bun.spawnSync([shell, "-n"], { stdin: Buffer.from(script), stderr: "pipe" });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  });

  test("bash completes commands, flags and choices", () => {
    const complete = (...words: string[]) => {
      const ask = `${bashCompletion(specs)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _strake; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return Bun.spawnSync(["bash"], { stdin: Buffer.from(ask) })
        .stdout.toString()
        .trim()
        .split("\n");
    };
    expect(complete("strake", "im")).toEqual(["image", "images", "import"]);
    expect(complete("strake", "image", "pr")).toEqual(["prune"]);
    expect(complete("strake", "build", "--no")).toEqual(["--no-cache"]);
    expect(complete("strake", "build", "--progress", "r")).toEqual(["rawjson"]);
  });
});

describe("template", () => {
  const value = {
    ID: "abc",
    State: { Running: true, ExitCode: 0 },
    Labels: { "a.b": "c" },
    List: ["x", "y"],
    Nothing: null,
  };

  test.each([
    ["{{.ID}}", "abc"],
    ["{{.id}} {{.State.ExitCode}}", "abc 0"],
    ["{{json .State}}", '{"Running":true,"ExitCode":0}'],
    ["{{json .}}", JSON.stringify(value)],
    ['{{index .Labels "a.b"}}', "c"],
    ["{{range .List}}<{{.}}>{{end}}", "<x><y>"],
    ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
    ["{{if .State.ExitCode}}bad{{else}}good{{end}}", "good"],
    ['{{join .List ","}}', "x,y"],
    ["{{.ID | upper | json}}", '"ABC"'],
    ["{{len .List}}", "2"],
    ["{{.Missing}}", "<no value>"],
    ["{{.constructor}}{{.__proto__}}", "<no value><no value>"],
    ["{{.List}} {{.Labels}}", "[x y] map[a.b:c]"],
    ["a\\tb", "a\tb"],
    ["  {{- .ID -}}  z", "abcz"],
    ['{{printf "%s-%d" .ID 3}}', "abc-3"],
  ])("%s", (template, expected) => {
    expect(compileTemplate(template)(value)).toBe(expected);
  });

  test.each(["{{.A", "{{nope .A}}", "{{range .A}}", "{{end}}", "{{}}"])("%s is refused", (template) => {
    expect(() => compileTemplate(template)).toThrow("makes no sense");
  });
});

describe("words for people", () => {
  test("tables are padded to the widest cell", () => {
    expect(
      renderTable(
        ["A", "LONG"],
        [
          ["x", "1"],
          ["yyyy", "2"],
        ],
      ),
    ).toBe("A         LONG\nx         1\nyyyy      2\n");
  });

  test.each([
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1536, "1.54kB"],
    [2_130_000, "2.13MB"],
    [999_600, "1MB"],
    [126_069_760, "126MB"],
  ])("%d bytes are %s", (size, text) => {
    expect(humanSize(size)).toBe(text);
  });

  test.each([
    [500, "Less than a second"],
    [1000, "1 second"],
    [59_000, "59 seconds"],
    [61_000, "About a minute"],
    [3_600_000, "About an hour"],
    [47 * 3_600_000, "47 hours"],
    [49 * 3_600_000, "2 days"],
    [20 * 86_400_000, "2 weeks"],
    [100 * 86_400_000, "3 months"],
    [800 * 86_400_000, "2 years"],
  ])("%d ms are %s", (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  test("times, ids, cuts", () => {
    expect(ago(undefined, 5)).toBe("N/A");
    expect(ago(0, 5000)).toBe("5 seconds ago");
    expect(seconds(40)).toBe("0.04s");
    expect(seconds(125_000)).toBe("2m05s");
    expect(shortId(`sha256:${"ab".repeat(32)}`)).toBe("abababababab");
    expect(truncate("abcdef", 4)).toBe("abc…");
    expect(parseTime("90", 0)).toBe(90_000);
    expect(parseTime("1h30m", 10_000_000)).toBe(10_000_000 - 5_400_000);
    expect(parseTime("2026-01-02T03:04:05Z", 0)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(() => parseTime("yesterday-ish", 0)).toThrow("is no time");
    expect(bytes("64m")).toBe(64 << 20);
    expect(() => bytes("much")).toThrow("is not a size");
  });

  test("pairs and filters", () => {
    expect(pairs(["a=b=c", "d"], "--label")).toEqual({ a: "b=c", d: "" });
    expect(() => pairs(["=x"], "--label")).toThrow("has no name");
    expect(filters(["label=a=b", "label=c"], ["label"])).toEqual(new Map([["label", ["a=b", "c"]]]));
    expect(() => filters(["colour=red"], ["label"])).toThrow("invalid filter");
  });
});
