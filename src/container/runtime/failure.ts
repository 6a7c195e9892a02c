import { StrakeError } from "../../errors/index.ts";
import { missingRight, needsRights } from "./rights.ts";

const notFoundText = /executable file.*not found|no such file or directory|executable not found/i;
const notExecutableText =
  /permission denied|operation not permitted|exec format error|is a directory|not a directory/i;

/**
 * The error for a process that the runtime could not start, with the exit code Docker's users know: 127 when the
 * program does not exist, 126 when it cannot be executed, 125 when the container itself could not be made. `lacks` says which right is missing here.
 */
export function startFailure(program: string, runtimeOutput: string, lacks = missingRight): StrakeError {
  const reason = lastMessage(runtimeOutput);
  const folder = /^chdir `([^`]*)`/.exec(reason)?.[1] ?? /chdir to cwd \("([^"]*)"\)/.exec(reason)?.[1];
  if (folder !== undefined)
    return new StrakeError("CONTAINER_PATH_INVALID", `cannot work in ${quote(folder)}: ${lastPart(reason)}`, {
      hint: "A process that is run later does not make its working directory.",
      exitCode: 126,
    });
  // Only what the runtime says about executing counts: a bind source that does not exist is the container's failure.
  const aboutProgram =
    /exec|^the path `[^`]*` is not a regular file|stat .*in \$PATH|open executable|find executable|start container process/i.test(
      reason,
    );
  if (aboutProgram && notFoundText.test(reason))
    return new StrakeError("CONTAINER_COMMAND_NOT_FOUND", notFoundMessage(program, reason), {
      hint: notFoundHint(program),
      exitCode: 127,
    });
  // What a runtime says that lacks rights is about whatever it came to first.
  const missing = lacks();
  if (missing !== undefined) return needsRights(missing, { text: reason });
  if (aboutProgram && notExecutableText.test(reason))
    return new StrakeError(
      "CONTAINER_COMMAND_NOT_EXECUTABLE",
      `${quote(program)} cannot be executed: ${lastPart(reason)}`,
      { hint: notExecutableHint(reason), exitCode: 126 },
    );
  return new StrakeError("CONTAINER_START_FAILED", `the container could not be started: ${reason}`, {
    exitCode: 125,
  });
}

/**
 * Whether a text is a runtime's own complaint about executing the program and not the program's output. The runtimes
 * print it on the container's stderr, because from there on they are the container.
 */
export function isRuntimeComplaint(text: string): boolean {
  const line = text.trimEnd();
  if (line.includes("\n") || line.length > 4096) return false;
  return /^(executable file `|open executable: |exec container process |runc run failed: |exec failed: |chdir `|exec \S+: (no such file|exec format|permission))/.test(
    line,
  );
}

/** crun colours what it says on a terminal. */
const colours = () => new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** The last thing a runtime said, without log decoration: crun prefixes a time, runc writes logrus lines. */
export function lastMessage(output: string): string {
  const lines = output
    .replace(colours(), "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const line = lines.at(-1) ?? "the runtime gave no reason";
  const logrus = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replace(/\\(.)/g, "$1");
  return (logrus ?? line).replace(/^\S*T\S+Z?:? /, "").trim();
}

function notFoundMessage(program: string, reason: string): string {
  if (!program.includes("/")) return `${quote(program)} is in no folder of the container's PATH`;
  return `${quote(program)} or what it needs to start is not in the container: ${lastPart(reason)}`;
}

/** What only a shell knows. */
const shellWords =
  /^(cd|source|\.|export|alias|set|unset|eval|exec|if|for|while|type|ulimit|umask|trap|&&|\|\|)$/;

function notFoundHint(program: string): string {
  if (program.startsWith("-")) return "Flags of strake stand before the image's or the container's name.";
  if (shellWords.test(program)) return `That is part of the shell: sh -c '${program} ...'.`;
  if (/\s/.test(program))
    return `It is taken for one name: leave the quotes out, or write sh -c ${JSON.stringify(program)}.`;
  return "Check the command, the image's ENTRYPOINT and PATH, and the interpreter named in a script's first line.";
}

function notExecutableHint(reason: string): string {
  if (/exec format error/i.test(reason))
    return "A script needs a first line like #!/bin/sh; a program has to be built for this processor.";
  return "Name a program: a file with the right to be executed (chmod +x), no folder.";
}

/** What the kernel said, without who asked it. */
function lastPart(reason: string): string {
  return reason.slice(reason.lastIndexOf(": ") + 1).trim();
}

function quote(program: string): string {
  return JSON.stringify(program);
}
