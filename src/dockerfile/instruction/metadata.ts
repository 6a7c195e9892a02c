import type {
  ExposeInstruction,
  MaintainerInstruction,
  StopSignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from "../ast.ts";
import { trim } from "../characters.ts";
import { parseSignal } from "../signal.ts";
import { begin, onlyArgument, type Request, requireArguments, syntaxError } from "./request.ts";

export function readWorkdir(request: Request): WorkdirInstruction {
  return { kind: "workdir", ...begin(request).base, path: onlyArgument(request) };
}

export function readUser(request: Request): UserInstruction {
  return { kind: "user", ...begin(request).base, user: onlyArgument(request) };
}

export function readMaintainer(request: Request): MaintainerInstruction {
  return { kind: "maintainer", ...begin(request).base, author: onlyArgument(request) };
}

/** Checked here only when it holds nothing to expand. */
export function readStopSignal(request: Request): StopSignalInstruction {
  const { base } = begin(request);
  const signal = onlyArgument(request);
  if (!/[$'"\\`]/.test(signal)) parseSignal(signal);
  return { kind: "stopsignal", ...base, signal };
}

export function readExpose(request: Request): ExposeInstruction {
  const { base } = begin(request);
  requireArguments(request);
  return { kind: "expose", ...base, ports: [...request.raw.args].sort() };
}

export function readVolume(request: Request): VolumeInstruction {
  const { base } = begin(request);
  requireArguments(request);
  const paths = request.raw.args.map(trim);
  if (paths.includes("")) throw syntaxError("VOLUME specified can not be an empty string");
  return { kind: "volume", ...base, paths };
}
