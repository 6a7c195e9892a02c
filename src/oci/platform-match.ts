import { normalizePlatform, type Platform } from "./platform.ts";

/**
 * How well an image for `offered` runs on `wanted`: 0 is exact, larger is a lesser variant of the same architecture,
 * undefined means that it does not run. Both are normalised first.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const want = normalizePlatform(wanted);
  const offer = normalizePlatform(offered);
  if (want.os !== offer.os || want.architecture !== offer.architecture) return undefined;
  if (!systemVersionFits(want, offer)) return undefined;
  return variantDistance(want.architecture, want.variant, offer.variant);
}

/** Whether an image for `offered` runs on `wanted`. */
export function matchPlatform(wanted: Platform, offered: Platform): boolean {
  return platformDistance(wanted, offered) !== undefined;
}

/** What `pickPlatform` looks at: a descriptor of an index, whose platform may be missing (CVE-2024-23650). */
export interface Candidate {
  readonly platform?: Platform | null | undefined;
}

/**
 * The best of an index's manifests for a platform: the nearest variant, the first among equals. Entries for
 * `unknown/unknown` (attestations) are never taken. An entry without a platform is taken only when no other fits and
 * it is the only one of its kind; its config then says what it is for.
 */
export function pickPlatform<T extends Candidate>(candidates: readonly T[], wanted: Platform): T | undefined {
  let best: { readonly candidate: T; readonly distance: number } | undefined;
  const bare: T[] = [];
  for (const candidate of candidates) {
    if (!candidate.platform) {
      bare.push(candidate);
      continue;
    }
    const distance = platformDistance(wanted, candidate.platform);
    if (distance !== undefined && (best === undefined || distance < best.distance))
      best = { candidate, distance };
  }
  return best?.candidate ?? (bare.length === 1 ? bare[0] : undefined);
}

/** Variants are levels: a machine of one level runs what was built for the levels below it. */
function variantDistance(architecture: string, wanted?: string, offered?: string): number | undefined {
  if (wanted === offered) return 0;
  const base = levelOfBareName[architecture];
  const want = level(wanted) ?? base;
  const offer = level(offered) ?? base;
  if (base === undefined || want === undefined || offer === undefined) return undefined;
  // An unreadable variant is a different thing, not a level.
  if ((wanted !== undefined && level(wanted) === undefined) || (offered && level(offered) === undefined))
    return undefined;
  return offer <= want ? want - offer : undefined;
}

const levelOfBareName: Readonly<Record<string, number>> = { amd64: 1, arm: 7, arm64: 8 };

/** `v8.1` is between `v8` and `v9`; minor numbers stay below a hundred. */
function level(variant: string | undefined): number | undefined {
  const match = /^v([0-9]{1,2})(?:\.([0-9]{1,2}))?$/.exec(variant ?? "");
  if (!match) return undefined;
  return Number(match[1]) + Number(match[2] ?? 0) / 100;
}

/** Windows images run only on the same build (major.minor.build); others say nothing here. */
function systemVersionFits(want: Platform, offer: Platform): boolean {
  const wanted = want["os.version"];
  const offered = offer["os.version"];
  if (want.os !== "windows" || !wanted || !offered) return true;
  return build(wanted) === build(offered);
}

function build(version: string): string {
  return version.split(".").slice(0, 3).join(".");
}
