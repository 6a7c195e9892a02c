import { StrakeError } from "../../errors/index.ts";
import type { HealthcheckInstruction, HealthcheckOptions } from "../ast.ts";
import type { FlagValues } from "../flag-values.ts";
import { parseDuration } from "../go-values.ts";
import { commandLine } from "./command.ts";
import { begin, type Request, requireArguments, syntaxError } from "./request.ts";

/** The shortest time the engine accepts, in nanoseconds. */
const minimum = 1_000_000;

/** `HEALTHCHECK NONE` or `HEALTHCHECK [flags] CMD ...`. */
export function readHealthcheck(request: Request): HealthcheckInstruction {
  const { base, values } = begin(request, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  requireArguments(request);
  const [type, ...args] = request.raw.args;
  switch (type!.toUpperCase()) {
    case "NONE":
      if (args.length > 0) throw syntaxError("HEALTHCHECK NONE takes no arguments");
      return { kind: "healthcheck", ...base, options: {} };
    case "CMD":
      if (args.length === 0) throw syntaxError("missing command after HEALTHCHECK CMD");
      return {
        kind: "healthcheck",
        ...base,
        command: commandLine(request, args),
        options: readOptions(values),
      };
    default:
      throw syntaxError(`unknown type "${type}" in HEALTHCHECK (try CMD)`);
  }
}

function readOptions(values: FlagValues): HealthcheckOptions {
  const options: { -readonly [K in keyof HealthcheckOptions]: HealthcheckOptions[K] } = {};
  const times = [
    ["interval", "interval"],
    ["timeout", "timeout"],
    ["start-period", "startPeriod"],
    ["start-interval", "startInterval"],
  ] as const;
  for (const [flag, field] of times) {
    const text = values.text(flag);
    if (!text) continue;
    const duration = parseDuration(text);
    if (duration !== 0 && duration < minimum) throw invalid(`--${flag} cannot be less than 1ms`);
    options[field] = duration;
  }
  const retries = values.text("retries");
  if (retries) options.retries = readRetries(retries);
  return options;
}

function readRetries(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`--retries must be a number, not "${text}"`);
  const retries = Number(text);
  if (retries < 0) throw invalid(`--retries cannot be negative (${text})`);
  if (retries >= 2 ** 31) throw invalid(`--retries is out of range (${text})`);
  return retries;
}

function invalid(message: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", message);
}
