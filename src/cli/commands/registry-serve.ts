import { closeSync, openSync } from "node:fs";
import { RegistryService, writeSteadily } from "../../engine/index.ts";
import { renderError, toStrakeError } from "../../errors/index.ts";
import { mergeDocuments } from "../../registry/server/index.ts";
import type { Handler } from "../command.ts";
import type { registryServeFlags } from "../spec/registry.ts";
import { placeOf } from "./registry-place.ts";
import { settingsOf } from "./registry-settings.ts";

/** What is said on the way must not end a registry whose terminal or reader is gone. */
const say = (text: string) => writeSteadily(2, text);

/** Work that nobody scheduled. */
const named: Readonly<Record<string, string>> = {
  webhook: "a webhook",
  credentials: "the renewal of the S3 credentials",
};

export const registryServe: Handler<typeof registryServeFlags> = async (cli, { flags }) => {
  const { config, settings } = placeOf(cli, flags);
  const service = await RegistryService.start({
    config,
    settings: mergeDocuments(settingsOf(cli, flags), settings) as object,
    env: cli.env,
    onFailure: (work, error) => {
      say(`${named[work] ?? `the scheduled ${work}`} failed: ${renderError(toStrakeError(error))}\n`);
    },
  });
  const { registry } = service;
  const reload = follow(service);
  service.watch(reload);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  if (cli.signal.aborted) stop();
  cli.signal.addEventListener("abort", () => stop(), { once: true });
  const hadTerminal = hasTerminal();
  const onHangUp = () => {
    if (hadTerminal && !hasTerminal()) stop();
    else reload();
  };
  cli.yieldSignals("SIGHUP");
  process.on("SIGHUP", onHangUp);
  // Whoever reads this may send signals, so they are listened for by now.
  say(`serving ${registry.url.href}\n`);
  if (service.nobodyCanLogIn)
    say("note: nobody but robots can log in, as no users are named (--htpasswd FILE)\n");
  if (registry.reportsURL) say(`metrics and health at ${registry.reportsURL.href}\n`);
  await stopped;
  process.off("SIGHUP", onHangUp);
  say("stopping: what is being answered is finished first\n");
  await service.stop();
  return 0;
};

/** Reads the configuration again, one time after the other, and says what came of it. */
function follow(service: RegistryService): () => void {
  let busy: Promise<void> = Promise.resolve();
  return () => {
    busy = busy.then(async () => {
      try {
        const { later } = await service.reload();
        say("the configuration was read again\n");
        if (later.length > 0) say(`from the next start on: ${later.join(", ")}\n`);
      } catch (error) {
        say(`the configuration stays as it was: ${renderError(toStrakeError(error))}\n`);
      }
    });
  };
}

/** Whoever closes the terminal that a registry was tried in does not expect it to go on; a service has no terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
