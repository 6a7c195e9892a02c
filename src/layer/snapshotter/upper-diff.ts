import { existsSync } from "node:fs";
import { inUserNamespace } from "../../sys/index.ts";
import type { DiffEntry, Workspace } from "./snapshotter.ts";
import { upperPaths } from "./upper.ts";

/** What was written in a workspace that has an upper directory; nothing before its first mount. Its code is loaded then: starting a container has no use for it. */
export async function* diffWorkspace(
  { workspace }: Workspace,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<DiffEntry, void, undefined> {
  const { upper } = upperPaths(workspace);
  if (!existsSync(upper)) return;
  const { diffUpper } = await import("../diff.ts");
  yield* diffUpper(upper, { ...options, userxattr: inUserNamespace() });
}
