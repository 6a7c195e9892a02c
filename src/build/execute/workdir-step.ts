import { canonicalJSON, sha256 } from "../../oci/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { cleanJoin } from "../copy/destination.ts";
import { chainOf } from "../key/inputs.ts";
import { recall, remember } from "./cached.ts";
import type { StepOutcome } from "./copy-step.ts";
import type { Session } from "./session.ts";

/** The directory WORKDIR means: relative ones continue the one before. */
export function workingDirectory(state: StageState, path: string): string {
  return path.startsWith("/") ? cleanJoin(path) : cleanJoin(state.config.WorkingDir || "/", path);
}

/** Makes the directory of WORKDIR where it is missing. Undefined when it is there: then there is no layer. */
export async function workdirStep(
  session: Session,
  state: StageState,
  directory: string,
): Promise<StepOutcome | undefined> {
  if (directory === "/") return undefined;
  const { User = "" } = state.config;
  const parent = chainOf(state.layers);
  const shortcut = sha256(canonicalJSON(["WORKDIR 2", directory, User, parent, session.epoch ?? null]));
  const known = recall(session, shortcut);
  if (known !== undefined) return known ? { layer: known, cached: true } : undefined;
  const { makeDirectory } = await import("./workdir-write.ts");
  const made = await makeDirectory(session, state, directory);
  remember(session, shortcut, made?.key ?? null);
  return made?.outcome;
}
