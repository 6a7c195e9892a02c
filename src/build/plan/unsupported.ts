import type { AddInstruction, RunInstruction, StageInstruction } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";

/**
 * Refuses what is parsed but not executed. Asked of the whole plan, so that no build runs for minutes before its last line is refused, and of
 * each instruction again when its variables are expanded. Errors: BUILD_UNSUPPORTED.
 */
export function refuseUnsupported(instruction: StageInstruction): void {
  if (instruction.kind === "run") refuseRun(instruction);
  if (instruction.kind === "add") refuseAdd(instruction);
}

function refuseRun({ mounts, devices, security }: RunInstruction): void {
  const mount = mounts[0];
  const flag = mount
    ? `--mount=type=${mount.type}`
    : devices.length > 0
      ? "--device"
      : security !== "sandbox"
        ? `--security=${security}`
        : undefined;
  if (flag !== undefined) throw new StrakeError("BUILD_UNSUPPORTED", `RUN ${flag} is not supported yet`);
}

function refuseAdd({ sources, keepGitDir, checksum }: AddInstruction): void {
  const remote = sources.find((source) => /^(https?|git|ssh):\/\/|^git@/.test(source));
  if (remote !== undefined)
    throw new StrakeError("BUILD_UNSUPPORTED", `ADD of a URL is not supported yet: ${remote}`, {
      hint: "fetch it in a RUN, or into the build context",
    });
  if (keepGitDir !== undefined)
    throw new StrakeError(
      "BUILD_UNSUPPORTED",
      "ADD --keep-git-dir is for Git sources, which are not supported yet",
    );
  if (checksum !== undefined)
    throw new StrakeError("BUILD_UNSUPPORTED", "ADD --checksum is for URLs, which are not supported yet");
}
