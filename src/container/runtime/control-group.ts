import { existsSync, rmdirSync } from "node:fs";
import { errnoOf, readCgroupLayout } from "../../sys/index.ts";

/** The control group of a container or step in every hierarchy, as specifications name it. */
export function controlGroupOf(id: string): string {
  return `/strake/${id}`;
}

/** How often groups are tried that still hold a process, and the milliseconds between: what was killed needs a moment to go. */
const tries = 20;
const pause = 5;

/**
 * Removes the groups of a container that is over from every hierarchy. The runtimes do so themselves, but not when they fail or are killed while they
 * make the container. Only empty groups can be removed, by name: one in which something still runs stays, and so does every other. Idempotent.
 */
export async function removeControlGroups(id: string): Promise<void> {
  const { controllers, unified } = readCgroupLayout();
  const trees = new Set([...controllers.values(), ...(unified === undefined ? [] : [unified])]);
  let left = [...trees].map((tree) => `${tree}${controlGroupOf(id)}`);
  for (let attempt = 1; ; attempt++) {
    left = left.filter(isBusy);
    if (left.length === 0 || attempt === tries) return;
    await Bun.sleep(pause);
  }
}

/** Removes a group, unless something still runs in it. */
function isBusy(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    rmdirSync(path);
    return false;
  } catch (error) {
    return errnoOf(error) === "EBUSY";
  }
}
