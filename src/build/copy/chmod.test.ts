import { describe, expect, test } from "bun:test";
import { parseChmod } from "./chmod.ts";

describe("--chmod", () => {
  // [value, mode before, directory, mode after]
  test.each([
    ["755", 0o644, false, 0o755],
    ["0644", 0o777, true, 0o644],
    ["4755", 0o644, false, 0o4755],
    ["0", 0o644, false, 0],
    ["+x", 0o644, false, 0o755],
    ["a+x", 0o600, false, 0o711],
    ["u+x", 0o644, false, 0o744],
    ["go-rwx", 0o755, false, 0o700],
    ["u=rwX,go=rX", 0o600, false, 0o644],
    ["u=rwX,go=rX", 0o600, true, 0o755],
    ["u=rwX,go=rX", 0o700, false, 0o755],
    ["g=u", 0o741, false, 0o771],
    ["u+s", 0o755, false, 0o4755],
    ["g+s", 0o755, false, 0o2755],
    ["+t", 0o777, true, 0o1777],
    ["=", 0o755, false, 0],
    ["u+r-w", 0o200, false, 0o400],
  ] as const)("%s on %o", (value, before, directory, after) => {
    expect(parseChmod(value).apply(before, directory)).toBe(after);
  });
  test.each(["", "10000", "888", "u~x", "rwx", "u+q", "u+x,", "0x1ff", "-1"])("%j is refused", (value) => {
    expect(() => parseChmod(value)).toThrow("is not a file mode");
  });
  test("only a symbolic mode depends on the source's", () => {
    expect(parseChmod("755").readsSource).toBe(false);
    expect(parseChmod("+x").readsSource).toBe(true);
  });
});
