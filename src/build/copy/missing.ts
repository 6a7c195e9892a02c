import { nearest, StrakeError } from "../../errors/index.ts";
import { baseName, parentOf } from "./destination.ts";
import type { CopySource } from "./source.ts";

/** The error for a source that is not there: what may have been meant, and whether an ignore file hides it. */
export function missingSource(source: CopySource, pattern: string, path: string): StrakeError {
  return new StrakeError("BUILD_COPY_SOURCE", `${pattern}: no such file or directory`, {
    hint: reasonFor(source, pattern, path),
  });
}

function reasonFor(source: CopySource, pattern: string, path: string): string | undefined {
  const rule = source.ignoredBecause?.(path);
  if (rule !== undefined) return rule;
  const outside = leavesContext(source, pattern);
  if (outside !== undefined) return outside;
  // The first component that is missing is the one to look at.
  let missing = path;
  while (missing !== "/" && source.resolve(parentOf(missing), true).node === undefined)
    missing = parentOf(missing);
  const parent = source.resolve(parentOf(missing), true);
  if (parent.node?.type !== "directory") return undefined;
  const there = source.resolve(missing, false);
  if (there.node?.type === "symlink") {
    const target = source.readlink(there.path, there.node);
    const where = source.ignoredBecause === undefined ? "is not there" : "is not in the build context";
    return `${missing.slice(1)} is a symbolic link to ${target}, which ${where}`;
  }
  const names = [...source.children(parent.path, parent.node)].map(({ name }) => name);
  const near = nearest(baseName(missing), names);
  if (near === undefined) return wherePathsBegin(source, pattern);
  return `did you mean ${`${parentOf(missing)}/${near}`.replace(/^\/+/, "")}?`;
}

/** For those who wrote a path of the host, or one that counts on the WORKDIR of a stage. */
function wherePathsBegin(source: CopySource, pattern: string): string | undefined {
  if (source.ignoredBecause === undefined)
    return pattern.startsWith("/")
      ? undefined
      : "paths of a stage or image begin at its root, whatever its WORKDIR is";
  if (pattern.startsWith("~")) return "~ means nothing here: paths begin at the build context";
  return pattern.startsWith("/")
    ? "paths begin at the build context, not at the root of this machine"
    : undefined;
}

/** What to do when the path climbs out of the context: `..` stops at its root, as the reference has it. */
function leavesContext(source: CopySource, pattern: string): string | undefined {
  // Only the local context knows of ignore files; the paths of an image begin at its root as written.
  if (source.ignoredBecause === undefined) return undefined;
  let depth = 0;
  for (const name of pattern.split("/")) {
    if (name === "..") depth--;
    else if (name !== "" && name !== ".") depth++;
    if (depth < 0)
      return "COPY reads only below the context: build with a folder above as the context, and name this Dockerfile with -f";
  }
  return undefined;
}
