import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  createDigester,
  digestAlgorithm,
  digestFromHex,
  digestHex,
  isDigest,
  matchesDigest,
  parseDigest,
  sha256,
} from "./index.ts";

const a = "a".repeat(64);

describe("parseDigest", () => {
  test("takes sha256 and sha512", () => {
    expect(digestHex(parseDigest(`sha256:${a}`))).toBe(a);
    expect(digestAlgorithm(parseDigest(`sha512:${a}${a}`))).toBe("sha512");
    expect(digestHex(parseDigest(`sha512:${a}${a}`))).toBe(a + a);
  });

  test.each([
    "sha256:../../etc/passwd", // CVE-2024-3727
    `sha256:${"../".repeat(21)}a`,
    "",
    "sha256:",
    a,
    `sha256:${a}a`,
    `sha256:${a.slice(1)}`,
    `sha256:${a}\n`,
    `\nsha256:${a}`,
    `sha256:${a.toUpperCase()}`,
    `SHA256:${a}`,
    `sha512:${a}`,
    `sha384:${"a".repeat(96)}`,
    `sha256+b64:${a}`,
    `sha256:${a}@x`,
    `sha256:${"g".repeat(64)}`,
    `sha256:${"é".repeat(64)}`,
  ])("refuses %j", (value) => {
    expect(isDigest(value)).toBe(false);
    expect(() => parseDigest(value)).toThrow(expect.objectContaining({ code: "DIGEST_INVALID" }));
  });

  test("a huge string is not echoed whole", () => {
    expect(() => parseDigest("x".repeat(1e6))).toThrow(/^.{0,300}$/);
  });

  test("isDigest takes nothing but strings", () => {
    for (const value of [undefined, null, 5, {}, [`sha256:${a}`]]) expect(isDigest(value)).toBe(false);
  });
});

test("known digests", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(sha256("")).toBe(digestFromHex(empty));
  expect(sha256(new Uint8Array())).toBe(digestFromHex(empty));
});

test("a digest made in pieces is that of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
      const whole = Buffer.concat(chunks);
      const digester = createDigester();
      for (const chunk of chunks) digester.update(chunk);
      const digest = digester.digest();
      expect(digest).toBe(sha256(whole));
      expect(parseDigest(digest)).toBe(digest);
      expect(matchesDigest(whole, digest)).toBe(true);
      expect(matchesDigest(Buffer.concat([whole, Buffer.of(0)]), digest)).toBe(false);
    }),
  );
});

test("sha512 works throughout", () => {
  const digester = createDigester("sha512");
  digester.update(Buffer.from("abc"));
  const digest = digester.digest();
  expect(digest.slice(0, 23)).toBe("sha512:ddaf35a193617aba");
  expect(matchesDigest(Buffer.from("abc"), digest)).toBe(true);
});
