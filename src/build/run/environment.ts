import { proxyArguments, scannerArguments } from "../plan/arguments.ts";

export interface RunEnvironmentInput {
  /** ENV and ARG values of the stage. */
  readonly variables: ReadonlyMap<string, string>;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Variables of the calling process, for its proxies; absent when they are not lent. */
  readonly host?: Readonly<Record<string, string | undefined>>;
}

/** What a RUN sees, in two parts: only the first belongs to its cache key. */
export interface RunEnvironment {
  readonly declared: Readonly<Record<string, string>>;
  /** Proxies: lent for the run, in neither key nor history nor image unless an ARG declares them. */
  readonly lent: Readonly<Record<string, string>>;
}

/**
 * The environment of a RUN. Proxies come from build arguments first, then from the host; each is given in both the
 * cases that programs look for. Nothing else of the host's environment gets in (CVE-2021-3602).
 */
export function runEnvironment({ variables, buildArgs, host }: RunEnvironmentInput): RunEnvironment {
  const declared = Object.fromEntries([...variables].filter(([name]) => !scannerArguments.has(name)));
  const lent: Record<string, string> = {};
  for (const name of proxyArguments) {
    const twin = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
    const value = buildArgs[name] ?? buildArgs[twin] ?? host?.[name] ?? host?.[twin];
    if (value && declared[name] === undefined) lent[name] = value;
  }
  return { declared, lent };
}
