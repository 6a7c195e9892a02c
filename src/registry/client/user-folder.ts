import { homedir } from "node:os";

/**
 * The user's home folder: `/` for an id without an account where HOME is not set, as in a pod that runs as any id (OpenShift). Containers have it so
 * too (docs/decisions/0061).
 */
export function userFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return "/";
  }
}
