import { type BuildOptions, type BuildResult, build } from "../build/index.ts";
import type { Store } from "../store/index.ts";

/** Options of a build; the store is the engine's. */
export type BuildRequest = Omit<BuildOptions, "store">;

export async function buildImage(store: Store, request: BuildRequest): Promise<BuildResult> {
  return await build({ ...request, store });
}
