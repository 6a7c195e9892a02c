import { type LoadedImage, loadArchive } from "../archive/index.ts";
import { checkOptions, type OptionKinds } from "../errors/index.ts";
import type { Emit } from "../events/index.ts";
import { parsePlatform, parseReference } from "../oci/index.ts";
import type { Store } from "../store/index.ts";

export interface LoadRequest {
  /** The archive's bytes, packed or not. */
  readonly source: AsyncIterable<Uint8Array>;
  readonly platform?: string;
  /** Names in place of those of the archive, which must then hold one image. */
  readonly tags?: readonly string[];
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

const requestKinds: OptionKinds<LoadRequest> = {
  ...{ source: "source", platform: "string?", tags: "strings?", signal: "signal?", emit: "function?" },
};

export async function loadImages(store: Store, request: LoadRequest): Promise<LoadedImage[]> {
  checkOptions("load", request, requestKinds);
  const { source, platform, tags, ...rest } = request;
  return await loadArchive(store, source, {
    ...rest,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
    ...(tags === undefined ? {} : { names: tags.map(parseReference) }),
  });
}
