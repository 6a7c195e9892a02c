import { StrakeError } from "../../../../errors/index.ts";
import { storageFault } from "../fault.ts";
import type { Found, Source } from "./source.ts";

/**
 * Asks sources in order; the first that has credentials is the one that is asked from then on, so that a file that is being replaced does not make us
 * somebody else for a while. Throws REGISTRY_STORAGE, saying what was tried.
 */
export function chain(sources: readonly Source[]): () => Promise<Found> {
  let chosen: Source | undefined;
  return async () => {
    const absent: string[] = [];
    for (const source of chosen ? [chosen] : sources) {
      const found = await source.find().catch((cause) => {
        throw storageFault(`no credentials for S3 from ${source.name}`, cause);
      });
      if ("credentials" in found) {
        chosen = source;
        return found;
      }
      absent.push(`${source.name} (${found.absent})`);
    }
    throw new StrakeError(
      "REGISTRY_STORAGE",
      `no credentials for S3 ${chosen ? "any more" : "are found"}: asked ${absent.join(", ")}`,
      {
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE to a file with them",
      },
    );
  };
}
