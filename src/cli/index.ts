export { type Cli, processCli } from "./cli.ts";
export type { CommandSpec } from "./command.ts";
export { runCommandLine } from "./run.ts";
export { specs } from "./spec/all.ts";
export { errorReference } from "./text/error-reference.ts";
export { cliReference } from "./text/reference.ts";
