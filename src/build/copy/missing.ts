import { nearest, StrakeError } from "../../errors/index.ts";
import { baseName, parentOf } from "./destination.ts";
import type { CopySource } from "./source.ts";

/** The error for a source that is not there: what may have been meant, and whether an ignore file hides it. */
export function missingSource(source: CopySource, pattern: string, path: string): StrakeError {
  return new StrakeError("BUILD_COPY_SOURCE", `${pattern}: no such file or directory`, {
    hint: reasonFor(source, path),
  });
}

function reasonFor(source: CopySource, path: string): string | undefined {
  const rule = source.ignoredBecause?.(path);
  if (rule !== undefined) return rule;
  // The first component that is missing is the one to look at.
  let missing = path;
  while (missing !== "/" && source.resolve(parentOf(missing), true).node === undefined)
    missing = parentOf(missing);
  const parent = source.resolve(parentOf(missing), true);
  if (parent.node?.type !== "directory") return undefined;
  const names = source.children(parent.path, parent.node).map(({ name }) => name);
  const near = nearest(baseName(missing), names);
  if (near === undefined) return undefined;
  return `did you mean ${`${parentOf(missing)}/${near}`.replace(/^\/+/, "")}?`;
}
