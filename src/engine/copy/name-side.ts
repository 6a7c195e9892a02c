import { StrakeError } from "../../errors/index.ts";
import { formatReference, type Reference } from "../../oci/index.ts";
import { isOfTarget } from "../../registry/client/index.ts";

/** Does a copy between two registries; an error of one of them says of which, as the user named it: one may be a mirror, or both the same host. */
export async function namingSides<T>(
  { source, target }: { readonly source: Reference; readonly target: Reference },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StrakeError) || !/^(?:REGISTRY|BLOB|MANIFEST|INDEX)_/.test(error.code))
      throw error;
    const side = isOfTarget(error)
      ? `target ${formatReference(target)}`
      : `source ${formatReference(source)}`;
    const { code, message, hint, sources, cause, exitCode } = error;
    throw new StrakeError(code, `${side}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      ...{ sources, cause, exitCode },
    });
  }
}
