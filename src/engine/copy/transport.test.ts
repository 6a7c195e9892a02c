import { describe, expect, test } from "bun:test";
import { parsePlace } from "./transport.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("places", () => {
  test.each([
    ["oci:dir", { kind: "oci", path: "dir", tag: "" }],
    ["oci:/a/b:1.0", { kind: "oci", path: "/a/b", tag: "1.0" }],
    ["oci:dir:registry.example:5000/app:1", { kind: "oci", path: "dir", tag: "registry.example:5000/app:1" }],
    [`oci:dir@${digest}`, { kind: "oci", path: "dir", tag: digest }],
    ["oci:me@home", { kind: "oci", path: "me@home", tag: "" }],
    ["oci-archive:a.tar:x", { kind: "oci-archive", path: "a.tar", tag: "x" }],
    ["docker-archive:a.tar", { kind: "docker-archive", path: "a.tar" }],
    ["docker-archive:a.tar:app:1", { kind: "docker-archive", path: "a.tar", name: "app:1" }],
    ["docker-archive:a.tar:@1", { kind: "docker-archive", path: "a.tar", name: "@1" }],
    ["strake:app:1", { kind: "store", name: "app:1" }],
  ])("%s", (text, place) => {
    expect(parsePlace(text)).toEqual(place as never);
  });

  test("a registry's reference, with docker:// and without", () => {
    const reference = { domain: "docker.io", path: "library/app", tag: "1" };
    expect(parsePlace("docker://app:1")).toMatchObject({ kind: "registry", reference });
    expect(parsePlace("app:1")).toMatchObject({ kind: "registry", reference });
    expect(parsePlace("ocicular/app:1")).toMatchObject({ reference: { path: "ocicular/app" } });
  });

  test.each([
    ["oci:", "USAGE"],
    ["oci::tag", "USAGE"],
    ["strake:", "USAGE"],
    ["docker:app", "USAGE"],
    ["dir:/x", "USAGE"],
    ["docker-daemon:x", "USAGE"],
    ["team/UPPER", "REFERENCE_INVALID"],
  ])("%s is refused", (text, code) => {
    expect(() => parsePlace(text)).toThrow(expect.objectContaining({ code }));
  });
});
