import { type CommandLine, exposedPorts, type StageInstruction } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { ContainerConfig, Healthcheck } from "../../oci/index.ts";
import { scannerArguments } from "../plan/arguments.ts";
import { duration, plainList, quote, quoteList, quoteRune } from "./goformat.ts";
import { emptyEntry } from "./history.ts";
import { type StageState, withVariable } from "./stage-state.ts";

/** Instructions that change the configuration and nothing else. */
export type MetadataInstruction = Exclude<StageInstruction, { kind: "run" | "copy" | "add" | "workdir" }>;

export interface MetadataScope {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Variables of the global scope. */
  readonly globals: ReadonlyMap<string, string>;
}

export function isMetadata(instruction: StageInstruction): instruction is MetadataInstruction {
  const { kind } = instruction;
  return kind !== "run" && kind !== "copy" && kind !== "add" && kind !== "workdir";
}

/** The state after an expanded metadata instruction, history entry included. Pure. */
export function applyMetadata(
  state: StageState,
  instruction: MetadataInstruction,
  scope: MetadataScope,
): StageState {
  switch (instruction.kind) {
    case "env": {
      const variables = new Map(state.variables);
      let env = state.config.Env ?? [];
      for (const { key, value } of instruction.variables) {
        variables.set(key, value);
        env = withVariable(env, key, value);
      }
      const text = instruction.variables.map(({ key, value }) => ` ${key}=${value}`).join("");
      return { ...configure(state, { Env: env }, `ENV${text}`), variables };
    }
    case "label": {
      const added = Object.fromEntries(instruction.labels.map(({ key, value }) => [key, value]));
      const text = instruction.labels.map(({ key, value }) => ` ${key}=${value}`).join("");
      return configure(state, { Labels: { ...state.config.Labels, ...added } }, `LABEL${text}`);
    }
    case "arg":
      return applyArg(state, instruction, scope);
    case "cmd": {
      const Cmd = commandWords(instruction.command, state.config);
      return { ...configure(state, { Cmd, ArgsEscaped: true }, `CMD ${quoteList(Cmd)}`), commandSet: true };
    }
    case "entrypoint": {
      const words = commandWords(instruction.command, state.config);
      const changes: Partial<ContainerConfig> = {
        Entrypoint: words.length > 0 ? words : undefined,
        ...(!state.commandSet && { Cmd: undefined }),
      };
      return configure(state, changes, `ENTRYPOINT ${quoteList(words)}`);
    }
    case "healthcheck": {
      const Healthcheck = healthcheck(instruction, state.config);
      return configure(state, { Healthcheck }, `HEALTHCHECK ${healthText(Healthcheck)}`);
    }
    case "expose": {
      const ports = exposedPorts(instruction.ports);
      const ExposedPorts = { ...state.config.ExposedPorts };
      for (const port of ports) ExposedPorts[port] = {};
      return configure(state, { ExposedPorts }, `EXPOSE ${plainList(ports)}`);
    }
    case "user":
      return configure(state, { User: instruction.user }, `USER ${instruction.user}`);
    case "volume": {
      if (instruction.paths.includes(""))
        throw new StrakeError("BUILD_INSTRUCTION", "VOLUME takes no empty path", {
          hint: "one of its variables may not be set",
        });
      const Volumes = { ...state.config.Volumes };
      for (const path of instruction.paths) Volumes[path] = {};
      return configure(state, { Volumes }, `VOLUME ${plainList(instruction.paths)}`);
    }
    case "stopsignal":
      return configure(state, { StopSignal: instruction.signal }, `STOPSIGNAL ${instruction.signal}`);
    case "shell":
      return configure(state, { Shell: instruction.args }, `SHELL ${plainList(instruction.args)}`);
    case "onbuild": {
      // Docker gives a trigger no history entry.
      const OnBuild = [...(state.config.OnBuild ?? []), instruction.text];
      return { ...state, config: { ...state.config, OnBuild } };
    }
    case "maintainer": {
      const next = configure(state, {}, `MAINTAINER ${instruction.author}`);
      return { ...next, image: { ...next.image, author: instruction.author } };
    }
  }
}

function configure(state: StageState, changes: Partial<ContainerConfig>, createdBy: string): StageState {
  return {
    ...state,
    config: { ...state.config, ...changes },
    history: [...state.history, emptyEntry(createdBy)],
  };
}

/**
 * A build argument takes its value from the command line, else from its default, else from the global scope. From here
 * on it is a variable like those of ENV, but never part of the image's configuration.
 */
function applyArg(
  state: StageState,
  instruction: MetadataInstruction & { kind: "arg" },
  { buildArgs, globals }: MetadataScope,
): StageState {
  const variables = new Map(state.variables);
  const declared = instruction.args.map(({ name, value: fallback }) => {
    const value = buildArgs[name] ?? fallback ?? globals.get(name);
    if (value !== undefined && !scannerArguments.has(name)) variables.set(name, value);
    return value === undefined ? { name } : { name, value };
  });
  const text = declared.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));
  return {
    ...configure(state, {}, `ARG ${text.join(" ")}`),
    variables,
    buildArgs: [...state.buildArgs, ...declared],
  };
}

/** The words a command line stands for: those of its JSON form, or the SHELL with the text. */
export function commandWords(command: CommandLine, config: ContainerConfig): string[] {
  if (command.form === "exec") return [...command.args];
  const text = command.form === "shell" ? command.text : command.script;
  return [...shellOf(config), text];
}

const defaultShell = ["/bin/sh", "-c"];

/** The SHELL in force. */
export function shellOf(config: ContainerConfig): readonly string[] {
  return config.Shell && config.Shell.length > 0 ? config.Shell : defaultShell;
}

function healthcheck(
  { command, options }: MetadataInstruction & { kind: "healthcheck" },
  config: ContainerConfig,
): Healthcheck {
  if (!command) return { Test: ["NONE"] };
  const Test =
    command.form === "exec"
      ? ["CMD", ...command.args]
      : ["CMD-SHELL", command.form === "shell" ? command.text : commandWords(command, config).at(-1)!];
  const given = {
    Interval: options.interval,
    Timeout: options.timeout,
    StartPeriod: options.startPeriod,
    StartInterval: options.startInterval,
    Retries: options.retries,
  };
  // Docker leaves zeros out of the configuration.
  return { Test, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)) };
}

function healthText({
  Test = [],
  Interval,
  Timeout,
  StartPeriod,
  StartInterval,
  Retries,
}: Healthcheck): string {
  const times = [Interval, Timeout, StartPeriod, StartInterval].map((time) => quote(duration(time ?? 0)));
  return `&{${[quoteList(Test), ...times, quoteRune(Retries ?? 0)].join(" ")}}`;
}
