import { constants } from "node:os";
import { renderError, StrakeError, toStrakeError } from "../errors/index.ts";
import { ignoresSignal, readyControlGroups } from "../sys/index.ts";
import { type Cli, processCli } from "./cli.ts";
import type { CommandSpec } from "./command.ts";
import { findCommand } from "./find-command.ts";
import { parseWords } from "./parse.ts";
import { specs } from "./spec/all.ts";

/** Asked to end: by a person, a service manager or CI server, the terminal that closes. */
const endings: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Runs one command line to its end and gives the exit code, or ends the process with it. Errors are printed, never thrown. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const cli = processCli(interrupt.signal, (names) => {
    for (const name of names.length > 0 ? names : endings) process.off(name, onSignal);
  });
  let interrupts = 0;
  const onSignal = (name: NodeJS.Signals) => {
    const exitCode = 128 + constants.signals[name];
    // The first asks for an orderly end; who presses twice wants out at once.
    if (interrupts++ > 0) process.exit(exitCode);
    interrupt.abort(new StrakeError("CANCELED", "interrupted", { exitCode }));
  };
  // What nohup started goes on when its terminal closes.
  for (const name of endings)
    if (name !== "SIGHUP" || !ignoresSignal(constants.signals.SIGHUP)) process.on(name, onSignal);

  const code = await answer(cli, words);
  try {
    await cli.leave(code);
    return code;
  } catch (thrown) {
    return report(cli, toStrakeError(thrown), undefined);
  }
}

async function answer(cli: Cli, words: readonly string[]): Promise<number> {
  let spec: CommandSpec | undefined;
  try {
    if (words.length === 0 || ["--help", "-h"].includes(words[0]!)) return await showHelp(cli, []);
    if (words[0] === "--version" || words[0] === "-v") return await invoke(cli, ["version", "--short"]);
    if (words.length === 2 && ["--help", "-h"].includes(words[1]!) && isGroup(words[0]!))
      return await showHelp(cli, words.slice(0, 1));
    const found = findCommand(specs, words);
    spec = found.spec;
    if (spec.movesProcesses) readyControlGroups();
    const parsed = parseWords(spec, found.rest);
    if (parsed.help) return await showHelp(cli, spec.name.split(" "));
    const handler = await spec.load();
    return (await handler(cli, parsed)) ?? 0;
  } catch (thrown) {
    return report(cli, await explained(toStrakeError(thrown), words), spec);
  }
}

/** With what to do for those who know docker, looked up only once something is wrong. */
async function explained(error: StrakeError, words: readonly string[]): Promise<StrakeError> {
  if (error.code !== "USAGE") return error;
  const { dockerHint } = await import("./docker-words.ts");
  const hint = dockerHint(error, words);
  return hint === undefined ? error : error.with({ hint });
}

async function invoke(cli: Cli, words: readonly string[]): Promise<number> {
  const { spec, rest } = findCommand(specs, words);
  return (await (await spec.load())(cli, parseWords(spec, rest))) ?? 0;
}

async function showHelp(cli: Cli, words: readonly string[]): Promise<number> {
  const { helpFor } = await import("./text/help.ts");
  cli.print(helpFor(specs, words));
  return 0;
}

function isGroup(word: string): boolean {
  return specs.some((spec) =>
    [spec.name, ...(spec.aliases ?? [])].some((name) => name.startsWith(`${word} `)),
  );
}

function report(cli: Cli, error: StrakeError, spec: CommandSpec | undefined): number {
  if (error.code === "CANCELED" && cli.signal.aborted) {
    cli.note("interrupted\n");
    return toStrakeError(cli.signal.reason).exitCode;
  }
  cli.note(`${renderError(error)}\n`);
  if (error.code === "INTERNAL" && cli.env.STRAKE_DEBUG && error.cause instanceof Error)
    cli.note(`${error.cause.stack}\n`);
  if (spec?.failureCode !== undefined && error.exitCode === 1) return spec.failureCode;
  return error.exitCode;
}
