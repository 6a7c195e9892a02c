// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import type { Mount } from "./ast.ts";
import { csvFields } from "./csv.ts";
import { parseMount } from "./mount.ts";

const range = { startLine: 1, endLine: 1 };

function mount(value: string, expandValue?: (value: string) => string): object {
  const { range: _, ...rest } = parseMount({ name: "mount", value, range }, expandValue) as Mount;
  return rest;
}

const accepted: readonly [value: string, mount: object][] = [
  ["target=/a", { type: "bind", target: "/a", readonly: true }],
  [
    "type=bind,from=x,source=/s,dst=/a,rw",
    { type: "bind", from: "x", source: "/s", target: "/a", readonly: false },
  ],
  [
    "type=bind,src=s,destination=a,readwrite=false",
    { type: "bind", source: "s", target: "a", readonly: true },
  ],
  ["type=bind,target=/a,ro=false", { type: "bind", target: "/a", readonly: false }],
  ["type=bind,target=/a,ro,rw", { type: "bind", target: "/a", readonly: false }],
  ["type=CACHE,target=/c", { type: "cache", target: "/c", readonly: false, sharing: "shared" }],
  [
    "type=cache,id=i,target=/c,from=f,source=s,ro,sharing=locked,mode=0755,uid=1,gid=2",
    {
      type: "cache",
      id: "i",
      target: "/c",
      from: "f",
      source: "s",
      readonly: true,
      sharing: "locked",
      mode: 0o755,
      uid: 1,
      gid: 2,
    },
  ],
  ["type=tmpfs,target=/t,size=64m", { type: "tmpfs", target: "/t", readonly: false, size: 64 << 20 }],
  ["type=secret,id=s", { type: "secret", id: "s", readonly: true, required: false }],
  [
    "type=secret,source=s,target=/t,required,mode=400",
    { type: "secret", id: "s", target: "/t", readonly: true, required: true, mode: 0o400 },
  ],
  [
    "required=true,type=secret,env=TOKEN,id=s",
    { type: "secret", id: "s", env: "TOKEN", readonly: true, required: true },
  ],
  ["type=secret,target=/t", { type: "secret", target: "/t", readonly: true, required: false }],
  ["type=ssh", { type: "ssh", readonly: true, required: false }],
  ["type=ssh,id=k,required,uid=7", { type: "ssh", id: "k", readonly: true, required: true, uid: 7 }],
  ['"source=a,b",target=/x', { type: "bind", source: "a,b", target: "/x", readonly: true }],
];

describe("accepted", () => {
  for (const [value, expected] of accepted) test(value, () => expect(mount(value)).toEqual(expected));
});

const refused: readonly [value: string, message: string][] = [
  ["", "is empty"],
  ["type=bnid,target=/a", "did you mean bind?"],
  ["target=/a,", "must be a key=value pair"],
  ["target", "must be a key=value pair"],
  ["tagret=/a", "did you mean target?"],
  ["from=$X,target=/a", "doesn't support variable expansion"],
  ["target=/", "invalid mount target"],
  ["target=//./", "invalid mount target"],
  ["target=/a,ro=maybe", "invalid value for ro: maybe"],
  ["type=bind,target=/a,mode=755", "unexpected key 'mode'"],
  ["type=tmpfs,target=/a,uid=1", "unexpected key 'uid'"],
  ["type=cache,target=/a,size=1m", "unexpected key 'size'"],
  ["type=tmpfs,target=/a,size=big", "invalid value for size"],
  ["type=bind,target=/a,sharing=locked", "unexpected key 'sharing'"],
  ["type=cache,target=/a,sharing=lock", "unsupported sharing value"],
  ["type=cache,target=/a,required", "unexpected key 'required'"],
  ["type=cache,target=/a,mode=9", "invalid value for mode: 9"],
  ["type=cache,target=/a,uid=x", "invalid value for uid: x"],
  ["type=cache,target=/a,gid=4294967296", "invalid value for gid"],
  ["type=bind,target=/a,env=X", "unexpected key 'env'"],
  ["type=secret", "one of source, target required"],
  ["type=secret,id=a,source=b", "both source and id"],
  ["type=secret,id=a,from=b", "should not have a from"],
  ["type=ssh,source=a", "does not support source"],
  ['target="/a"', "quote stands in the middle"],
  ['"target=/a', "has no end"],
  ['"target=/a"b', "text follows"],
];

describe("refused", () => {
  for (const [value, message] of refused) test(value, () => expect(() => mount(value)).toThrow(message));
});

test("values with variables wait for their expansion", () => {
  const value = "type=cache,target=${dir},mode=$mode,id=x";
  expect(mount(value)).toEqual({ type: "cache", id: "x", readonly: false, sharing: "shared" });
  const values: Record<string, string> = { "${dir}": "/d", $mode: "700" };
  expect(mount(value, (text) => values[text] ?? text)).toMatchObject({ target: "/d", mode: 0o700 });
  expect(() => mount(value, () => "9")).toThrow();
});

test("csvFields reads quoted fields", () => {
  expect(csvFields('a,"b,""c""",,d')).toEqual(["a", 'b,"c"', "", "d"]);
});
