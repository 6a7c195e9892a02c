import { existsSync } from "node:fs";
import { inUserNamespace } from "../../sys/index.ts";
import { diffUpper } from "../diff.ts";
import type { DiffEntry, Workspace } from "./snapshotter.ts";
import { upperPaths } from "./upper.ts";

/** What was written in a workspace that has an upper directory; nothing before its first mount. */
export async function* diffWorkspace(
  { workspace }: Workspace,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<DiffEntry, void, undefined> {
  const { upper } = upperPaths(workspace);
  if (existsSync(upper)) yield* diffUpper(upper, { ...options, userxattr: inUserNamespace() });
}
