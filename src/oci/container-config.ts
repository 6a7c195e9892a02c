import type { Shape } from "./shape.ts";

/**
 * What a container of the image runs with (image-spec config.md, "config", and Docker's additions Healthcheck,
 * OnBuild and Shell). Field names are the format's own.
 */
export interface ContainerConfig {
  readonly User?: string;
  /** Keys are `port/protocol`. */
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  /** `NAME=value`. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  /** Windows: the command line in Cmd is already escaped. */
  readonly ArgsEscaped?: boolean;
  readonly [unknownField: string]: unknown;
}

/** Docker's health check. Durations are nanoseconds; 0 or absent means inherited. */
export interface Healthcheck {
  /** `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]`, or empty: inherited. */
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** The value, checked, as a container configuration; nulls removed. Throws through `shape`. */
export function decodeContainerConfig(value: unknown, path: string, shape: Shape): ContainerConfig {
  const object = shape.object(value, path);
  for (const field of ["User", "WorkingDir", "StopSignal"]) shape.optional(object, field, path, shape.string);
  for (const field of ["Env", "Entrypoint", "Cmd", "OnBuild", "Shell"])
    shape.optional(object, field, path, shape.strings);
  shape.optional(object, "Labels", path, shape.stringMap);
  for (const field of ["ExposedPorts", "Volumes"])
    shape.optional(object, field, path, (set, at) => checkSet(set, at, shape));
  shape.optional(object, "StopTimeout", path, (seconds, at) => checkInteger(seconds, at, shape));
  shape.optional(object, "ArgsEscaped", path, (flag, at) => {
    if (typeof flag !== "boolean") shape.fail(at, "is not true or false");
  });
  shape.optional(object, "Healthcheck", path, (check, at) => checkHealth(check, at, shape));
  return object as unknown as ContainerConfig;
}

/** Go's map[string]struct{}: keys count, values are empty objects. */
function checkSet(value: unknown, path: string, shape: Shape): void {
  const set = shape.object(value, path);
  for (const key of Object.keys(set)) {
    if (set[key] === null) set[key] = {};
    shape.object(set[key], `${path}[${JSON.stringify(key)}]`);
  }
}

function checkHealth(value: unknown, path: string, shape: Shape): void {
  const check = shape.object(value, path);
  shape.optional(check, "Test", path, shape.strings);
  for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"])
    shape.optional(check, field, path, (number, at) => checkInteger(number, at, shape));
}

function checkInteger(value: unknown, path: string, shape: Shape): void {
  if (!Number.isInteger(value)) shape.fail(path, "is not a whole number");
}
