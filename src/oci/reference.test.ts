import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Digest,
  familiarName,
  familiarReference,
  formatReference,
  isReference,
  isRepositoryPath,
  isTag,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from "./index.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}` as Digest;

describe("parseReference", () => {
  // input, canonical form, familiar form
  test.each([
    ["busybox", "docker.io/library/busybox", "busybox"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["library/busybox", "docker.io/library/busybox", "busybox"],
    ["user/app", "docker.io/user/app", "user/app"],
    ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["docker.io/user/app:v1", "docker.io/user/app:v1", "user/app:v1"],
    ["index.docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"],
    ["localhost/app", "localhost/app", "localhost/app"],
    ["localhost:5000/app", "localhost:5000/app", "localhost:5000/app"],
    ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
    ["localhost", "docker.io/library/localhost", "localhost"],
    ["registry.example/a/b/c:tag", "registry.example/a/b/c:tag", "registry.example/a/b/c:tag"],
    ["registry.example:8080/a", "registry.example:8080/a", "registry.example:8080/a"],
    ["UPPER/app", "UPPER/app", "UPPER/app"],
    ["Example.COM/app", "Example.COM/app", "Example.COM/app"],
    ["127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app"],
    ["[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"],
    ["[2001:db8::1]/app:x", "[2001:db8::1]/app:x", "[2001:db8::1]/app:x"],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:x@${digest}`, `docker.io/library/busybox:x@${digest}`, `busybox:x@${digest}`],
    ["docker.io/localhost/app", "docker.io/localhost/app", "docker.io/localhost/app"],
    ["docker.io/a.b/app", "docker.io/a.b/app", "docker.io/a.b/app"],
    ["docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"],
    [`docker.io/library/${hex}`, `docker.io/library/${hex}`, `docker.io/library/${hex}`],
    ["a_b/c__d.e--f-g", "docker.io/a_b/c__d.e--f-g", "a_b/c__d.e--f-g"],
    [`a:${"t".repeat(128)}`, `docker.io/library/a:${"t".repeat(128)}`, `a:${"t".repeat(128)}`],
    ["xn--7o8h.com/app", "xn--7o8h.com/app", "xn--7o8h.com/app"],
    ["domain.with-dash/app:_x", "domain.with-dash/app:_x", "domain.with-dash/app:_x"],
  ])("%s", (input, canonical, familiar) => {
    const reference = parseReference(input);
    expect(formatReference(reference)).toBe(canonical);
    expect(familiarReference(reference)).toBe(familiar);
    expect(isReference(input)).toBe(true);
  });

  test.each([
    "",
    "/",
    ":tag",
    "@",
    `@${digest}`,
    "Busybox",
    "user/App",
    "a//b",
    "a/",
    "/a",
    "a:",
    "a:b:c",
    "a:-x",
    "a:.x",
    `a:${"t".repeat(129)}`,
    "a@sha256:abc",
    `a@${digest}@${digest}`,
    `a@${digest}:tag`,
    "a@sha256:../../x", // CVE-2024-3727
    "../../etc/passwd",
    "a/../b",
    "a/./b",
    ".a",
    "a.",
    "a..b/c",
    "a___b",
    "-a/b",
    "_a",
    "a b",
    "a\n",
    "a\0b",
    "http://registry.example/a",
    "registry.example:port/a",
    "[::1/a",
    "[fe80::1%eth0]:5000/a",
    hex,
    `${"a/".repeat(200)}a`,
    `registry.example/${"a".repeat(240)}`,
    "é/a",
    "a/é",
    "%2e%2e/a",
  ])("refuses %j", (input) => {
    expect(() => parseReference(input)).toThrow(expect.objectContaining({ code: "REFERENCE_INVALID" }));
    expect(isReference(input)).toBe(false);
  });

  test("names of 255 characters pass, of 256 do not", () => {
    const fits = `registry.example/${"a".repeat(255 - "registry.example/".length)}`;
    expect(repositoryName(parseReference(`${fits}:tag`))).toHaveLength(255);
    expect(() => parseReference(`${fits}a`)).toThrow(/longer than 255/);
  });

  test("says that names are lowercase", () => {
    expect(() => parseReference("user/App")).toThrow(/must be lowercase/);
  });

  test("hostile input takes no time to refuse", () => {
    for (const input of [
      `${"a".repeat(1e6)}!`,
      `${"a-".repeat(500)}!`,
      `${"a".repeat(1000)}/!`,
      `${"a.".repeat(500)}/b`,
    ])
      expect(() => parseReference(input)).toThrow();
  });
});

const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
const domain = fc.oneof(
  fc.constantFrom("docker.io", "localhost", "localhost:5000", "[::1]:5000", "UPPER"),
  fc.stringMatching(/^[a-zA-Z0-9]{1,8}\.[a-zA-Z0-9]{1,8}(?::[0-9]{1,5})?$/),
);
const references: fc.Arbitrary<Reference> = fc
  .record(
    {
      domain,
      path: fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/),
      digest: fc.constant(digest),
    },
    { requiredKeys: ["domain", "path"] },
  )
  .map((r) => (r.domain === "docker.io" && !r.path.includes("/") ? { ...r, path: `library/${r.path}` } : r));

test("every reference survives being written, in both forms", () => {
  fc.assert(
    fc.property(references, (reference) => {
      expect(parseReference(formatReference(reference))).toEqual(reference);
      expect(parseReference(familiarReference(reference))).toEqual(reference);
    }),
    { numRuns: 1000 },
  );
});

test("whatever parses is canonical after one round", () => {
  const soup = fc.string({ unit: fc.constantFrom(..."aZ0./:@-_[] "), maxLength: 20 });
  fc.assert(
    fc.property(soup, (input) => {
      let reference: Reference;
      try {
        reference = parseReference(input);
      } catch {
        return;
      }
      expect(parseReference(formatReference(reference))).toEqual(reference);
      expect(parseReference(familiarReference(reference))).toEqual(reference);
    }),
    { numRuns: 5000 },
  );
});

test("withDefaultTag adds latest only to a bare name", () => {
  expect(withDefaultTag(parseReference("a")).tag).toBe("latest");
  expect(withDefaultTag(parseReference("a:b")).tag).toBe("b");
  expect(withDefaultTag(parseReference(`a@${digest}`)).tag).toBeUndefined();
});

test("parts by themselves", () => {
  expect(familiarName(parseReference("docker.io/library/a:b"))).toBe("a");
  expect([isTag("1.0"), isTag("latest\n"), isTag(".x"), isTag("")]).toEqual([true, false, false, false]);
  expect([isRepositoryPath("a/b"), isRepositoryPath("a/../b"), isRepositoryPath("A")]).toEqual([
    ...[true, false, false],
  ]);
});
