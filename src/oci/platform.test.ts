import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatPlatform,
  hostPlatform,
  matchPlatform,
  normalizePlatform,
  parsePlatform,
  pickPlatform,
} from "./index.ts";

describe("parsePlatform", () => {
  test.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/x86_64", "linux/amd64"],
    ["Linux/X86-64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v9", "linux/arm64/v9"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/i686", "linux/386"],
    ["linux/ppc64el", "linux/ppc64le"],
    ["macos/arm64", "darwin/arm64"],
    ["windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"],
    ["s390x", "linux/s390x"],
    ["aarch64", "linux/arm64"],
    ["unknown/unknown", "unknown/unknown"],
  ])("%s is %s", (input, expected) => {
    expect(formatPlatform(parsePlatform(input))).toBe(expected);
  });

  test.each([
    "",
    "/",
    "linux/",
    "/amd64",
    "linux/amd64/v1/x",
    "linux//v1",
    "foo",
    "lin ux/amd64",
    "linux/../x",
  ])("refuses %j", (input) => {
    expect(() => parsePlatform(input)).toThrow(expect.objectContaining({ code: "PLATFORM_INVALID" }));
  });

  test("an operating system alone takes the host's architecture", () => {
    expect(parsePlatform("linux")).toEqual(hostPlatform());
    expect(parsePlatform("windows").architecture).toBe(hostPlatform().architecture);
  });

  test("names from Object.prototype are ordinary names", () => {
    expect(formatPlatform(parsePlatform("linux/constructor"))).toBe("linux/constructor");
    expect(formatPlatform(parsePlatform("__proto__/toString"))).toBe("__proto__/tostring");
  });

  test("written platforms parse back to themselves", () => {
    const platforms = fc.record(
      {
        os: fc.constantFrom("linux", "windows", "darwin", "freebsd"),
        architecture: fc.constantFrom("amd64", "arm64", "arm", "386", "riscv64", "mips64el", "x86_64"),
        variant: fc.constantFrom("v1", "v5", "v6", "v7", "v8", "v9.2", "8", "softfloat"),
        "os.version": fc.constantFrom("10.0.17763.1", "11"),
      },
      { requiredKeys: ["os", "architecture"] },
    );
    fc.assert(
      fc.property(platforms, (platform) => {
        const normal = normalizePlatform(platform);
        expect(parsePlatform(formatPlatform(normal))).toEqual(normal);
        expect(normalizePlatform(normal)).toEqual(normal);
      }),
    );
  });
});

describe("matching", () => {
  // wanted, offered, runs
  test.each([
    ["linux/amd64", "linux/amd64", true],
    ["linux/amd64", "linux/arm64", false],
    ["linux/amd64", "windows/amd64", false],
    ["linux/amd64", "linux/amd64/v3", false],
    ["linux/amd64/v3", "linux/amd64", true],
    ["linux/amd64/v3", "linux/amd64/v4", false],
    ["linux/arm/v7", "linux/arm/v6", true],
    ["linux/arm/v6", "linux/arm/v7", false],
    ["linux/arm/v8", "linux/arm", true],
    ["linux/arm/v5", "linux/arm/v6", false],
    ["linux/arm64", "linux/arm64/v8", true],
    ["linux/arm64", "linux/arm64/v9", false],
    ["linux/arm64/v9", "linux/arm64", true],
    ["linux/arm64/v8.2", "linux/arm64/v8.1", true],
    ["linux/arm64", "linux/arm/v7", false],
    ["linux/mips/softfloat", "linux/mips", false],
    ["linux/mips/softfloat", "linux/mips/softfloat", true],
    ["linux/amd64", "unknown/unknown", false],
    ["windows(10.0.17763.1)/amd64", "windows(10.0.17763.9)/amd64", true],
    ["windows(10.0.17763.1)/amd64", "windows(10.0.20348.1)/amd64", false],
  ])("%s runs %s: %p", (wanted, offered, runs) => {
    expect(matchPlatform(parsePlatform(wanted), parsePlatform(offered))).toBe(runs);
  });

  const candidates = (...names: (string | undefined)[]) =>
    names.map((name) => ({ name, ...(name === undefined ? {} : { platform: parsePlatform(name) }) }));
  const pick = (wanted: string, ...names: (string | undefined)[]) =>
    pickPlatform(candidates(...names), parsePlatform(wanted))?.name;

  test("takes the nearest variant, the first among equals", () => {
    expect(pick("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm64")).toBe("linux/arm/v6");
    expect(pick("linux/amd64/v3", "linux/amd64", "linux/amd64/v2", "linux/amd64/v4")).toBe("linux/amd64/v2");
    const twins = candidates("linux/amd64", "linux/amd64");
    expect(pickPlatform(twins, parsePlatform("linux/amd64"))).toBe(twins[0]!);
  });

  test("never takes an attestation, and nothing when nothing fits", () => {
    expect(pick("linux/amd64", "unknown/unknown")).toBeUndefined();
    expect(pick("linux/amd64")).toBeUndefined();
  });

  test("CVE-2024-23650: entries without a platform do no harm", () => {
    const bare = { platform: null };
    expect(pickPlatform([bare], parsePlatform("linux/amd64"))).toBe(bare);
    expect(pickPlatform([{}, {}], parsePlatform("linux/amd64"))).toBeUndefined();
    const exact = { platform: parsePlatform("linux/amd64") };
    expect(pickPlatform([bare, exact], parsePlatform("linux/amd64"))).toBe(exact);
  });
});
