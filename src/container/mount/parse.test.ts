import { expect, test } from "bun:test";
import { parseMount, parseTmpfs, parseVolume } from "./parse.ts";

test.each([
  ["/data", { type: "volume", destination: "/data", readonly: false, noCopy: false }],
  [
    "db:/var/lib/db",
    { type: "volume", name: "db", destination: "/var/lib/db", readonly: false, noCopy: false },
  ],
  ["/h:/c:ro", { type: "bind", source: "/h", destination: "/c", readonly: true, createSource: true }],
  [
    "./x:/c/../d",
    { type: "bind", source: "/cwd/./x", destination: "/d", readonly: false, createSource: true },
  ],
  [
    "/h:/c:rw,rslave",
    {
      type: "bind",
      source: "/h",
      destination: "/c",
      readonly: false,
      createSource: true,
      propagation: "rslave",
    },
  ],
])("-v %s", (text, expected) => {
  expect(parseVolume(text, "/cwd")).toEqual(expected as never);
});

test.each([
  "",
  ":/c",
  "a:b",
  "/h:/",
  "/h:/c:what",
  "../x:relative",
  "bad name:/c",
  "a:/b:c:d",
  "v:/c:rslave",
])("-v %p is refused", (text) => {
  expect(() => parseVolume(text, "/cwd")).toThrow(expect.objectContaining({ code: "VOLUME_INVALID" }));
});

test("CVE-2024-9407: a propagation is one of six words and nothing that mount(2) would take besides", () => {
  expect(() => parseMount("type=bind,src=/a,dst=/b,bind-propagation=rprivate;suid", "/")).toThrow(
    "propagation",
  );
  expect(() => parseVolume("/a:/b:exec,suid", "/")).toThrow("not an option");
});

test("CVE-2024-9675: a volume's name cannot lead elsewhere", () => {
  expect(() => parseMount("type=volume,src=../../etc,dst=/b", "/")).toThrow("volume name");
  expect(() => parseMount("type=volume,src=a/../../x,dst=/b", "/")).toThrow("volume name");
});

test("--mount", () => {
  expect(parseMount("type=bind,source=/h,target=/c,readonly", "/")).toEqual({
    type: "bind",
    source: "/h",
    destination: "/c",
    readonly: true,
    createSource: false,
  });
  expect(parseMount("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777", "/")).toEqual({
    type: "tmpfs",
    destination: "/t",
    options: ["size=64m", "mode=1777"],
  });
  expect(parseMount("dst=/t", "/")).toMatchObject({ type: "volume", destination: "/t" });
  for (const text of [
    "type=npipe,dst=/x",
    "type=bind,dst=/x",
    "type=bind,src=/a,dst=/x,color=red",
    "type=volume",
  ])
    expect(() => parseMount(text, "/")).toThrow(expect.objectContaining({ code: "VOLUME_INVALID" }));
});

test("--tmpfs", () => {
  expect(parseTmpfs("/run:size=1m,exec")).toEqual({
    type: "tmpfs",
    destination: "/run",
    options: ["size=1m", "exec"],
  });
  expect(() => parseTmpfs("/run:upperdir=/etc")).toThrow("not an option");
});
