import { type BuildOptions, type BuildResult, build } from "../build/index.ts";
import { checkOptions, type OptionKinds } from "../errors/index.ts";
import { formatPlatform } from "../oci/index.ts";
import type { Store } from "../store/index.ts";

/** Options of a build; the store is the engine's. */
export interface BuildRequest extends Omit<BuildOptions, "store"> {
  /**
   * When base images are pulled: those that are not in the store (`missing`, the default), all of them, so that a tag that moved is
   * followed (`always`), or none.
   */
  readonly pull?: "always" | "missing" | "never";
}

const requestKinds: OptionKinds<BuildRequest> = {
  ...{ context: "string?", file: "string?", dockerfile: "document?", tags: "strings?", target: "string?" },
  ...{ buildArgs: "texts?", labels: "texts?", noCache: "boolean?", platform: "string?", hostCA: "any?" },
  ...{ hostProxy: "boolean?", parallelism: "number?", fetchImage: "function?", alwaysFetch: "boolean?" },
  ...{ environment: "texts?", signal: "signal?", emit: "function?" },
  network: { oneOf: ["default", "none", "host"] },
  pull: { oneOf: ["always", "missing", "never"] },
};

export async function buildImage(store: Store, options: BuildRequest): Promise<BuildResult> {
  checkOptions("build", options, requestKinds);
  const { pull, ...request } = options;
  const fetchImage: BuildOptions["fetchImage"] = async (reference, platform) => {
    const { pullImage } = await import("./registry/pull.ts");
    const { image } = await pullImage(store, {
      reference,
      platform: formatPlatform(platform),
      env: request.environment ?? process.env,
      ...(request.signal && { signal: request.signal }),
      ...(request.emit && { emit: request.emit }),
    });
    return image;
  };
  return await build({
    ...(pull !== "never" && { fetchImage, alwaysFetch: pull === "always" }),
    ...request,
    store,
  });
}
