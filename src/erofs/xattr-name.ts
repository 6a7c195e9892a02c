/** Short name prefixes of the format: an attribute is stored as prefix number and the rest of its name. */
const prefixes: readonly (readonly [number, string])[] = [
  [1, "user."],
  [2, "system.posix_acl_access"],
  [3, "system.posix_acl_default"],
  [4, "trusted."],
  [6, "security."],
];

/** Overlayfs keeps its own state in these; an image that could set them would steer the mount (redirect, metacopy). */
const overlayOwned = /^(trusted|user)\.overlay\./;

export const opaqueName = "trusted.overlay.opaque";

/**
 * Prefix number and rest of the name, or undefined for an attribute that no index carries: name spaces Linux file
 * systems refuse (`com.apple.*` from a Mac's tar; runtimes that unpack drop those too) and overlayfs's own.
 */
export function splitXattrName(name: string): { index: number; rest: string } | undefined {
  if (overlayOwned.test(name) || name.includes("\0")) return undefined;
  for (const [index, prefix] of prefixes) {
    if (index === 2 || index === 3) {
      if (name === prefix) return { index, rest: "" };
    } else if (name.startsWith(prefix) && name.length > prefix.length)
      return { index, rest: name.slice(prefix.length) };
  }
  return undefined;
}

/** The prefix a number stands for, undefined when the format has none by it. */
export function xattrPrefix(index: number): string | undefined {
  for (const [known, prefix] of prefixes) if (known === index) return prefix;
  return undefined;
}
