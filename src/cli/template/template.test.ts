import { describe, expect, test } from "bun:test";
import { compileTemplate } from "./index.ts";

const value = {
  Name: "web",
  State: { Running: true, ExitCode: 0, Pid: 7 },
  Labels: { "a.b": "c", plain: "x" },
  Networks: { front: { IP: "10.0.0.2" }, back: { IP: "10.1.0.2" } },
  Ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }], "81/udp": null },
  List: ["x", "y", "z"],
  Nested: [{ A: [1, 2] }, { A: [3] }],
  Nothing: null,
  Label: (name: string) => `label ${name}`,
};

describe("templates", () => {
  // What each gives is what Go's text/template gives.
  test.each([
    // From docker's documentation of inspect.
    ["{{range $k, $v := .Networks}}{{$k}}={{$v.IP}} {{end}}", "back=10.1.0.2 front=10.0.0.2 "],
    ["{{range .Networks}}{{.IP}} {{end}}", "10.1.0.2 10.0.0.2 "],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
    [
      "{{range $p, $conf := .Ports}}{{$p}}->{{with $conf}}{{(index . 0).HostPort}}{{end}};{{end}}",
      "80/tcp->8080;81/udp->;",
    ],
    ['{{(index .Ports "80/tcp" 0).HostIp}}', "127.0.0.1"],
    [
      '{{index .Labels "a.b"}}|{{index .Labels "none"}}|{{.Labels.plain}}|{{.Labels.none}}',
      "c||x|<no value>",
    ],
    ["{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}a{{else}}b{{end}}", "7b"],
    ["{{if .Nothing}}a{{else if .State.ExitCode}}b{{else if .Name}}c{{else}}d{{end}}", "c"],
    ["{{range $i, $e := .List}}{{if $i}},{{end}}{{$e}}{{end}}", "x,y,z"],
    ["{{range .Nothing}}a{{else}}none{{end}}", "none"],
    ['{{range .List}}{{if eq . "y"}}{{continue}}{{end}}{{.}}{{end}}', "xz"],
    ['{{range .List}}{{if eq . "y"}}{{break}}{{end}}{{.}}{{end}}', "x"],
    ["{{range .Nested}}{{range .A}}{{.}}{{end}};{{end}}", "12;3;"],
    ["{{$n := .Name}}{{range .List}}{{$n}}{{.}}{{$.Name}} {{end}}", "webxweb webyweb webzweb "],
    ["{{$n := 0}}{{range .List}}{{$n = .}}{{end}}{{$n}}", "z"],
    ["{{with $s := .State}}{{$s.Pid}}{{end}}", "7"],
    ["{{if and .Nothing (index .Nothing 0)}}a{{else}}b{{end}}", "b"],
    ["{{or .Nothing .Name}}{{and .Name .State.Pid}}{{not .Nothing}}", "web7true"],
    [
      '{{eq .Name "a" "web"}}{{ne .Name "web"}}{{lt 1 2}}{{ge .State.Pid 7}}{{gt "a" "b"}}',
      "truefalsetruetruefalse",
    ],
    ["{{len .Name}}{{len .List}}{{len .Labels}}{{len .Nothing}}", "3320"],
    ["{{/* said by nobody */}}{{- /* nor this */ -}} a", "a"],
    ['{{.Name | printf "%-5s|%5.2s|%q" "a" "bcd"}}', 'a    |   bc|"web"'],
    ['{{printf "%03d %x %.1f %t %v%%" 7 255 1.25 true .List}}', "007 ff 1.3 true [x y z]%"],
    ['{{"a}}b"}}{{`c"}}`}}', 'a}}bc"}}'],
    ["{{slice .Name 1}}{{slice .Name 0 2}}{{index .List 1}}", "ebwey"],
    ["{{json (index .List 0)}} {{ ( .Name ) }}", '"x" web'],
    ["{{truncate .Name 2}}[{{pad .Name 1 2}}]", "we[ web  ]"],
    ["{{print 1 `a`}}{{println}}{{nil | json}}", "1a\nnull"],
    ['a {{- "b" -}} \n c', "abc"],
    ["{{-1}}", "-1"],
    ['{{.Label "a.b"}}, {{"c" | .Label}}', "label a.b, label c"],
  ])("%s", (template, expected) => {
    expect(compileTemplate(template)(value)).toBe(expected);
  });

  test.each([
    ["{{.A", "{{ without }}"],
    ["{{nope .A}}", "no function nope"],
    ["{{upperr .A}}", "no function upperr"],
    ["{{range .A}}", "range without {{end}}"],
    ["{{if .A}}{{else}}{{else}}{{end}}", "if without {{end}}"],
    ["{{end}}", "an end too many"],
    ["{{}}", "an empty {{}}"],
    ["{{range}}{{end}}", "range of nothing"],
    ["{{(len .A}}", "a ( without )"],
    ["{{len .A)}}", "a ) too many"],
    ["{{.A | }}", "an empty part beside |"],
    ["{{$x}}", "$x has no value"],
    ["{{if $x := .A}}{{end}}{{$x}}", "$x has no value"],
    ["{{break}}", "break belongs in a range"],
    ["{{.Labels.my-label}}", '(index .Map "my-label")'],
    ['{{template "x"}}', "template is not supported"],
    ["{{.A # }}", '"#" is not expected'],
    // Each quote is read in one way: in two, this would take years.
    [`{{print ${'"a" '.repeat(100)}}`, "{{ without }}"],
  ])("%s is refused", (template, why) => {
    expect(() => compileTemplate(template)).toThrow(why);
  });

  test.each([
    ['{{(index (index .Ports "99/tcp") 0).HostPort}}', "index 0 of nothing"],
    ["{{index .List 3}}", "index 3 of a list that has 3"],
    ["{{.Name 1}}", ".Name is not a function"],
    ["{{lt .Name 1}}", "web and 1 cannot be compared"],
    ["{{range .Name}}{{end}}", "range over web"],
    ["{{slice .Name 2 9}}", "slice 2 to 9 of something 3 long"],
    ["{{len}}", "len without arguments"],
    ["{{len 3}}", "len of 3"],
  ])("%s fails over a value", (template, why) => {
    const render = compileTemplate(template);
    expect(() => render(value)).toThrow(why);
  });
});
