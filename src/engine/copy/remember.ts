import type { CopyOptions } from "../../registry/client/index.ts";
import type { Store } from "../../store/index.ts";
import { rememberUpload } from "../registry/kept-upload.ts";

/**
 * Uploads of a copy are remembered in the store, where there is one: that it cannot be opened (no home, another's) is no reason to copy nothing between
 * registries, which need no store.
 */
export function rememberingUploads(open: (() => Promise<Store>) | undefined): Pick<CopyOptions, "remember"> {
  if (open === undefined) return {};
  return {
    async remember(to, digest) {
      try {
        return rememberUpload(await open(), to, [digest]);
      } catch {
        return undefined;
      }
    },
  };
}
