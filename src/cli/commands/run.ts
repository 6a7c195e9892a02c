import { existsSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { runFlags } from "../spec/run.ts";
import { createOptions } from "../text/create-options.ts";
import { createOrPull, type PullPolicy } from "./create-or-pull.ts";

export const run: Handler<typeof runFlags> = async (cli, { args, flags }) => {
  if (flags.tty && flags.interactive && !flags.detach && !cli.terminal.stdin)
    throw new StrakeError("USAGE", "-t needs a terminal, and stdin is none", {
      hint: "leave -t out when input comes from a pipe",
    });
  const cidFile = flags.cidfile === undefined ? undefined : resolve(cli.cwd, flags.cidfile);
  if (cidFile !== undefined && existsSync(cidFile))
    throw new StrakeError("USAGE", `${cidFile} exists already`, { hint: "remove it or name another file" });
  const engine = await cli.engine();
  const containers = await engine.containers();
  const request = { ...createOptions(cli, args, flags), startedAtOnce: { attended: !flags.detach } };
  const id = await createOrPull(cli, engine, { request, policy: (flags.pull ?? "missing") as PullPolicy });
  if (cidFile !== undefined) writeFileSync(cidFile, id);
  try {
    if (flags.detach) {
      await containers.start(id);
      cli.print(`${id}\n`);
      return 0;
    }
    cli.yieldSignals();
    const { detached, exitCode } = await containers.startInForeground(id);
    const mayStay = detached || !flags.rm || flags.volume.length + flags.mount.length > 0;
    if (!mayStay) cli.leaveNothing();
    return exitCode;
  } catch (error) {
    if (cidFile !== undefined && flags.rm) rmSync(cidFile, { force: true });
    throw error;
  }
};
