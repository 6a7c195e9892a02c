import { accessSync, constants } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { hasCapSysAdmin, hasImageIds, inUserNamespace } from "../../sys/index.ts";
import { hostCgroups } from "./host-cgroups.ts";

/** Which right that RUN and containers need this process lacks, as far as can be seen without trying; undefined when none. */
export function missingRight(): string | undefined {
  const uid = process.getuid?.();
  if (uid !== 0) return `this is user ${uid}`;
  if (!hasCapSysAdmin()) return "this root may not mount (no CAP_SYS_ADMIN)";
  if (inUserNamespace() && !hasImageIds())
    return "this root of a user namespace has no other ids than its own";
  const { trees } = hostCgroups();
  if (trees.length > 0 && !trees.some(canBeWritten))
    return `this root may make no control groups (${trees[0]} cannot be written)`;
  return undefined;
}

/** What gives them. */
export function remedyForRights(): string {
  if (process.getuid?.() !== 0) return "run strake as root (sudo)";
  if (inUserNamespace()) return "run strake as the machine's root, outside of this user namespace";
  return "start the container that strake is in with --privileged (in a pod: securityContext.privileged)";
}

/** The error of who lacks `missing`; `said` is what failed. */
export function needsRights(missing: string, said?: { readonly cause?: unknown; readonly text?: string }) {
  const text = said?.text === undefined ? "" : `: ${said.text}`;
  return new StrakeError("CONTAINER_RIGHTS", `RUN and containers need root, and ${missing}${text}`, {
    hint: `${remedyForRights()}; builds without RUN, images, load, save, pull and push work without`,
    cause: said?.cause,
  });
}

function canBeWritten(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
