import { expandInstruction, parseDockerfile } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { type ContainerConfig, hostPlatform } from "../../oci/index.ts";
import { applyMetadata, isMetadata } from "./metadata.ts";
import { initialState } from "./stage-state.ts";

/**
 * A configuration with Dockerfile lines applied to it, as `import --change` and `commit --change` take them. Only instructions
 * that change nothing but the configuration are allowed. Throws DOCKERFILE_*, BUILD_INSTRUCTION.
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const text = ["FROM scratch", ...changes].join("\n");
  const dockerfile = parseDockerfile(text, { file: "--change" });
  let state = initialState({ ...hostPlatform(), config, rootfs: { type: "layers", diff_ids: [] } });
  if (dockerfile.stages.length !== 1)
    throw new StrakeError("BUILD_INSTRUCTION", "FROM cannot be a change of a configuration");
  for (const written of dockerfile.stages[0]!.instructions) {
    const { instruction } = expandInstruction(written, state.variables, { text });
    if (instruction.kind === "workdir")
      state = {
        ...state,
        config: { ...state.config, WorkingDir: absolute(state.config.WorkingDir, instruction.path) },
      };
    else if (isMetadata(instruction) && instruction.kind !== "arg")
      state = applyMetadata(state, instruction, { buildArgs: {}, globals: new Map() });
    else
      throw new StrakeError(
        "BUILD_INSTRUCTION",
        `${instruction.kind.toUpperCase()} cannot be a change of a configuration`,
        {
          hint: "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR can",
        },
      );
  }
  return state.config;
}

function absolute(base: string | undefined, path: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith("/") ? "" : `${base ?? ""}/`}${path}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
