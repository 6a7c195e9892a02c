import { StrakeError } from "../../errors/index.ts";
import { formatPlatform, type Platform } from "../../oci/index.ts";

/** The error for an image that is not there for the platform asked for; says for which it is. */
export function noPlatform(
  offers: readonly { readonly platform?: Platform | null }[],
  { wanted, name }: { readonly wanted: Platform; readonly name: string },
): StrakeError {
  const known = offers.flatMap(({ platform }) =>
    platform && platform.os !== "unknown" ? [formatPlatform(platform)] : [],
  );
  return new StrakeError("REGISTRY_PLATFORM", `${name} has no image for ${formatPlatform(wanted)}`, {
    ...(known.length > 0 ? { hint: `it has ${[...new Set(known)].join(", ")}` } : {}),
  });
}
