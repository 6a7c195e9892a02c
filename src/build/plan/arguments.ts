import { type ArgInstruction, expandInstruction } from "../../dockerfile/index.ts";
import { formatPlatform, type Platform } from "../../oci/index.ts";

/** Build arguments that RUN sees without being declared. Not part of cache keys or history unless declared. */
export const proxyArguments = [
  "HTTP_PROXY",
  "http_proxy",
  "HTTPS_PROXY",
  "https_proxy",
  "FTP_PROXY",
  "ftp_proxy",
  "NO_PROXY",
  "no_proxy",
  "ALL_PROXY",
  "all_proxy",
] as const;

const proxies: ReadonlySet<string> = new Set(proxyArguments);

/** Arguments that steer the builder itself, so nothing in the Dockerfile has to declare them. */
function steersBuilder(name: string): boolean {
  return proxies.has(name) || name === "SOURCE_DATE_EPOCH" || name.startsWith("BUILDKIT_");
}

/** Never environment of a RUN, even when declared. */
export const scannerArguments: ReadonlySet<string> = new Set([
  "BUILDKIT_SBOM_SCAN_CONTEXT",
  "BUILDKIT_SBOM_SCAN_STAGE",
]);

export interface GlobalScopeInput {
  readonly args: readonly ArgInstruction[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly buildPlatform: Platform;
  readonly targetPlatform: Platform;
  /** Name of the stage to build; `default` when it has none. */
  readonly targetStage?: string;
  readonly escape: string;
  readonly text: string;
}

/** The variables that hold before the first FROM: platforms, then the global ARGs (1.5 of the Dockerfile reference). */
export function globalScope(input: GlobalScopeInput): Map<string, string> {
  const scope = new Map<string, string>([
    ...platformVariables("BUILD", input.buildPlatform),
    ...platformVariables("TARGET", input.targetPlatform),
    ["TARGETSTAGE", input.targetStage ?? "default"],
  ]);
  for (const name of scope.keys()) {
    const given = input.buildArgs[name];
    if (given !== undefined) scope.set(name, given);
  }
  for (const written of input.args) {
    const { instruction } = expandInstruction(written, scope, { escape: input.escape, text: input.text });
    for (const arg of instruction.args) {
      const value = input.buildArgs[arg.name] ?? arg.value;
      if (value !== undefined) scope.set(arg.name, value);
    }
  }
  return scope;
}

function platformVariables(prefix: string, platform: Platform): [string, string][] {
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
    [`${prefix}OSVERSION`, platform["os.version"] ?? ""],
  ];
}

/** Build arguments that no ARG of the file declares: probably a typing mistake. Sorted. */
export function unusedArguments(
  buildArgs: Readonly<Record<string, string>>,
  declared: ReadonlySet<string>,
  scope: ReadonlyMap<string, string>,
): string[] {
  return Object.keys(buildArgs)
    .filter((name) => !declared.has(name) && !scope.has(name) && !steersBuilder(name))
    .sort();
}
