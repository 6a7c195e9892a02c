import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { IgnoreMatcher, parseIgnoreFile } from "../../dockerfile/index.ts";
import { nearest, StrakeError } from "../../errors/index.ts";
import { fromNodeError } from "../../sys/index.ts";

/** A Dockerfile found: its text and the name people know it by. */
export interface FoundDockerfile {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** Absent when it did not come from a file. */
  readonly path?: string;
}

/** Largest Dockerfile and ignore file read, in bytes: a device or a mistake must not fill the memory. */
const sizeLimit = 16 << 20;

/**
 * The Dockerfile of a build: `file` from the working directory or else from the context, or `Dockerfile`, or `dockerfile`
 * there. It may lie outside the context, as Docker allows. Throws BUILD_NO_DOCKERFILE.
 */
export function findDockerfile(context: string | undefined, file: string | undefined): FoundDockerfile {
  const candidates =
    file !== undefined
      ? [resolve(file), ...(context !== undefined && !isAbsolute(file) ? [join(context, file)] : [])]
      : ["Dockerfile", "dockerfile"].map((name) => join(context ?? ".", name));
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined && context !== undefined) checkFolder(context);
  if (path === undefined)
    throw file === undefined
      ? new StrakeError("BUILD_NO_DOCKERFILE", `there is no Dockerfile in ${context ?? "."}`, {
          hint: "name it with -f if it is called otherwise",
        })
      : new StrakeError("BUILD_NO_DOCKERFILE", `there is no Dockerfile ${shownName(resolve(file))}`, {
          hint: similar(resolve(file)),
        });
  return { bytes: readSmall(path), name: shownName(path), path };
}

/** What somebody may have meant who mistyped the name of a Dockerfile. */
function similar(path: string): string {
  const folder = dirname(path);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const near = nearest(basename(path), names);
  return near === undefined
    ? "the path after -f counts from where you are, not from the context"
    : `did you mean ${shownName(join(folder, near))}?`;
}

const remote = /^(https?:\/|git:\/|git@|ssh:\/|github\.com\/)/;

/** Says what a context is when it is no folder. */
function checkFolder(context: string): void {
  const stat = statSync(context, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  const shown = shownName(context);
  if (stat)
    throw new StrakeError("BUILD_CONTEXT", `the context ${shown} is a file, not a folder`, {
      hint: `name a Dockerfile with -f ${shown}, and the folder whose files COPY takes`,
    });
  if (remote.test(shown))
    throw new StrakeError("BUILD_CONTEXT", "a repository or URL cannot be the context", {
      hint: "fetch it first (git clone, curl), and build the folder; a tar goes in through stdin: strake build - < context.tar",
    });
  throw new StrakeError("BUILD_CONTEXT", `there is no folder ${shown}`, {
    hint: "the last word of strake build is the folder whose files COPY takes, for example .",
  });
}

/** The path as it is shortest from where the user is. */
function shownName(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith("..") ? path : fromHere;
}

/** The ignore rules of a context: `<Dockerfile>.dockerignore`, else `.dockerignore` at its root. */
export function findIgnoreRules(
  context: string,
  dockerfilePath: string | undefined,
): { matcher: IgnoreMatcher; name: string } | undefined {
  const own = dockerfilePath === undefined ? [] : [`${dockerfilePath}.dockerignore`];
  const path = [...own, join(context, ".dockerignore")].find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const rules = parseIgnoreFile(readSmall(path), name);
  return rules.length > 0 ? { matcher: new IgnoreMatcher(rules), name } : undefined;
}

/** Reads what is there up to the limit, not what a size says: it may be a pipe, or /dev/zero. */
function readSmall(path: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const file = openSync(path, "r");
    try {
      while (length <= sizeLimit) {
        const chunk = new Uint8Array(1 << 16);
        const read = readSync(file, chunk);
        if (read === 0) return Buffer.concat(chunks);
        chunks.push(chunk.subarray(0, read));
        length += read;
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fromNodeError(error);
  }
  throw new StrakeError("BUILD_NO_DOCKERFILE", `${path} is larger than ${sizeLimit} bytes`);
}
