import { didYouMean, StrakeError } from "../../errors/index.ts";
import type {
  CmdInstruction,
  CommandLine,
  EntrypointInstruction,
  RunInstruction,
  ShellInstruction,
} from "../ast.ts";
import { parseDevice } from "../device.ts";
import { heredocMarkOf, heredocText } from "../heredoc.ts";
import { parseMount } from "../mount.ts";
import { begin, type Request, syntaxError } from "./request.ts";

const networkModes = ["default", "none", "host"] as const;
const securityModes = ["sandbox", "insecure"] as const;

export function readRun(request: Request): RunInstruction {
  const { base, values } = begin(request, {
    mount: "list",
    network: "text",
    security: "text",
    device: "list",
  });
  if (request.raw.args.length === 0) throw syntaxError("RUN requires at least one argument");
  return {
    kind: "run",
    ...base,
    command: runCommand(request),
    mounts: values.list("mount").map((flag) => parseMount(flag)),
    network: oneOf("network", values.text("network") ?? "default", networkModes),
    security: oneOf("security", values.text("security") ?? "sandbox", securityModes),
    devices: values.list("device").map(parseDevice),
  };
}

export function readCmd(request: Request): CmdInstruction {
  return { kind: "cmd", ...begin(request).base, command: commandLine(request) };
}

/** An empty list (`ENTRYPOINT []`) takes an inherited entrypoint away. */
export function readEntrypoint(request: Request): EntrypointInstruction {
  return { kind: "entrypoint", ...begin(request).base, command: commandLine(request) };
}

export function readShell(request: Request): ShellInstruction {
  const { base } = begin(request);
  if (!request.raw.json && request.raw.args.length > 0)
    throw syntaxError(`SHELL requires the arguments to be in JSON form`, 'write SHELL ["program", "-c"]');
  if (request.raw.args.length === 0) throw syntaxError("SHELL requires at least one argument");
  return { kind: "shell", ...base, args: request.raw.args };
}

/** The command of `args`, for instructions that take no heredocs. */
export function commandLine({ raw }: Request, args: readonly string[] = raw.args): CommandLine {
  if (raw.json) return { form: "exec", args };
  const text = args.join(" ");
  return { form: "shell", text, line: text, heredocs: [] };
}

function runCommand(request: Request): CommandLine {
  const { heredocs } = request.raw;
  if (heredocs.length === 0) return commandLine(request);
  const line = request.raw.args[0]!;
  if (heredocs.length === 1 && heredocMarkOf(line)) {
    const script = heredocText(heredocs[0]!);
    // Asked of the text as written, as BuildKit does: tabs before `#!` make it an ordinary script.
    const interpreter = heredocs[0]!.content.startsWith("#!");
    return { form: "heredoc", script, name: heredocs[0]!.name, interpreter, line };
  }
  const bodies = heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`);
  return { form: "shell", text: line + bodies.join(""), line, heredocs };
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined)
    throw new StrakeError(
      "DOCKERFILE_FLAG_INVALID",
      `${flag} mode "${value}" is not known${didYouMean(value, allowed)}`,
      { hint: `--${flag} takes ${allowed.join(", ")}` },
    );
  return found;
}
