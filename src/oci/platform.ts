import { checkArgument, StrakeError } from "../errors/index.ts";

/** What an image runs on (image-spec image-index.md, "platform"; names are Go's GOOS and GOARCH). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

const operatingSystems: Readonly<Record<string, string>> = { macos: "darwin" };

const architectures: Readonly<Record<string, readonly [string, string?]>> = {
  i386: ["386"],
  i486: ["386"],
  i586: ["386"],
  i686: ["386"],
  x86: ["386"],
  "x86-64": ["amd64"],
  x86_64: ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  armv5l: ["arm", "v5"],
  armv6l: ["arm", "v6"],
  armv7l: ["arm", "v7"],
  armv8l: ["arm", "v8"],
  ppc64el: ["ppc64le"],
  mipsel: ["mipsle"],
  mips64el: ["mips64le"],
  loongarch64: ["loong64"],
};

/** Architectures that `parsePlatform` takes when they stand alone, without an operating system. */
const knownArchitectures = new Set([
  ...["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"],
  ...["ppc64", "ppc64le", "riscv64", "s390x", "wasm"],
]);
const knownSystems = new Set([
  ...["aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux"],
  ...["netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows"],
]);

/** The platform whose images run here. Containers are Linux ones wherever strake itself runs. */
export function hostPlatform(): Platform {
  const architecture = nodeArchitectures[process.arch] ?? process.arch;
  return normalizePlatform({ os: "linux", architecture });
}

/** Node's names that differ from Go's; ppc64 and mips are little-endian builds in every Node release. */
const nodeArchitectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

const component = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const systemWithVersion = /^([A-Za-z0-9_-]+)\(([A-Za-z0-9_.-]+)\)$/;

/**
 * Reads `os`, `arch`, `os/arch` or `os/arch/variant`, with aliases (`x86_64`, `aarch64`, `armhf`); the operating
 * system may carry a version, `windows(10.0.17763)/amd64`. Missing parts come from the host. Throws PLATFORM_INVALID.
 */
export function parsePlatform(input: string): Platform {
  checkArgument("a platform", input, "string");
  const parts = input.split("/");
  const [first = "", architecture, variant] = parts;
  const versioned = systemWithVersion.exec(first);
  const os = versioned?.[1] ?? first;
  const version = versioned?.[2] === undefined ? {} : { "os.version": versioned[2] };
  if (parts.length > 3 || ![os, ...parts.slice(1)].every((part) => component.test(part)))
    throw invalid(input);

  if (architecture !== undefined)
    return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }), ...version });

  const system = normalizeSystem(os);
  const host = hostPlatform();
  if (knownSystems.has(system)) return { ...host, os: system, ...version };
  const alone = normalizePlatform({ os: host.os, architecture: os });
  if (versioned === null && knownArchitectures.has(alone.architecture)) return alone;
  throw invalid(input);
}

/** `os/arch[/variant]`, as {@link parsePlatform} reads it. */
export function formatPlatform(platform: Platform): string {
  const version = platform["os.version"] === undefined ? "" : `(${platform["os.version"]})`;
  const variant = platform.variant === undefined || platform.variant === "" ? "" : `/${platform.variant}`;
  return `${platform.os}${version}/${platform.architecture}${variant}`;
}

/**
 * One spelling for each platform: aliases resolved, `arm` always with a variant (v7 when none is given), `arm64/v8`
 * and `amd64/v1` without, because those are what the bare names mean.
 */
export function normalizePlatform(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const [architecture, implied] = Object.hasOwn(architectures, lower) ? architectures[lower]! : [lower];
  const { variant: _, ...rest } = platform;
  const variant = normalizeVariant(architecture, platform.variant || implied);
  return {
    ...rest,
    os: normalizeSystem(platform.os),
    architecture,
    ...(variant === undefined ? {} : { variant }),
  };
}

function normalizeSystem(os: string): string {
  const lower = os.toLowerCase();
  return Object.hasOwn(operatingSystems, lower) ? operatingSystems[lower]! : lower;
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  const lower = variant?.toLowerCase();
  const full = lower !== undefined && /^[0-9]/.test(lower) ? `v${lower}` : lower;
  if (architecture === "arm") return full ?? "v7";
  if (architecture === "arm64" && full === "v8") return undefined;
  if (architecture === "amd64" && full === "v1") return undefined;
  return full;
}

function invalid(input: string): StrakeError {
  return new StrakeError("PLATFORM_INVALID", `${JSON.stringify(input)} is not a platform`, {
    hint: "a platform looks like linux/amd64, linux/arm64 or linux/arm/v7",
  });
}
