import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { BuildRequest } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { FlagValues, Handler } from "../command.ts";
import { preferLeanEngine } from "../lean-engine.ts";
import { openDisplay } from "../render/show.ts";
import type { buildFlags } from "../spec/build.ts";
import { pairs } from "../text/pairs.ts";
import { readInput } from "./input.ts";

export const build: Handler<typeof buildFlags> = async (cli, { args, flags }) => {
  const context = args[0]!;
  if (context === "-" && flags.file !== undefined)
    throw new StrakeError("USAGE", "the context and the Dockerfile cannot both be stdin");
  if (context !== "-") preferLeanEngine(resolve(cli.cwd, context));
  const fromStdin = context === "-" || flags.file === "-";
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress, flags.quiet);
  try {
    const result = await engine.build({
      ...(context === "-" ? {} : { context: resolve(cli.cwd, context) }),
      ...(fromStdin ? { dockerfile: await readInput(cli) } : {}),
      ...(flags.file !== undefined && flags.file !== "-" ? { file: resolve(cli.cwd, flags.file) } : {}),
      tags: flags.tag,
      ...(flags.target === undefined ? {} : { target: flags.target }),
      buildArgs: buildArgs(flags["build-arg"], cli.env),
      labels: pairs(flags.label, "--label"),
      noCache: flags["no-cache"],
      ...(flags.pull && { pull: "always" as const }),
      ...(flags.network === undefined ? {} : { network: flags.network as "default" | "host" | "none" }),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      hostCA: authorities(flags),
      environment: cli.env,
      signal: cli.signal,
      emit: display.emit,
    });
    display.end();
    if (flags.iidfile !== undefined) writeFileSync(resolve(cli.cwd, flags.iidfile), result.imageID);
    if (flags.quiet) cli.print(`${result.imageID}\n`);
    else if (flags.progress !== "rawjson") cli.note(summary(result));
    return 0;
  } catch (error) {
    display.end();
    throw error;
  }
};

function summary({
  imageID,
  steps,
  tags,
}: Awaited<ReturnType<import("../../engine/index.ts").Engine["build"]>>): string {
  const names = tags.length > 0 ? ` ${tags.join(" ")}` : "";
  return `built ${imageID}${names} (${steps.done} run, ${steps.cached} cached)\n`;
}

/** `NAME=value`, or `NAME` with the value of the environment; one that is not set there is not given. */
function buildArgs(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    const value = at < 0 ? env[word] : word.slice(at + 1);
    if (value !== undefined) values[at < 0 ? word : word.slice(0, at)] = value;
  }
  return values;
}

function authorities(flags: FlagValues<typeof buildFlags>): BuildRequest["hostCA"] {
  if (flags.ca === undefined) return "auto";
  if (flags.ca === "host") return "on";
  return flags.ca === "none" ? "off" : { path: resolve(flags.ca) };
}
