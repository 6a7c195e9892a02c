import { RegistryService } from "../../engine/index.ts";
import { renderError, toStrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { registryServeFlags } from "../spec/registry.ts";
import { placeOf } from "./registry-place.ts";
import { settingsOf } from "./registry-settings.ts";

export const registryServe: Handler<typeof registryServeFlags> = async (cli, { flags }) => {
  const { config, settings } = placeOf(cli, flags);
  const service = await RegistryService.start({
    config,
    settings: { ...settingsOf(cli, flags), ...settings },
    env: cli.env,
    print: cli.print,
  });
  const { registry } = service;
  cli.note(`serving ${registry.url.href}\n`);
  if (registry.reportsURL) cli.note(`metrics and health at ${registry.reportsURL.href}\n`);
  const reload = follow(cli, service);
  process.on("SIGHUP", reload);
  service.watch(reload);
  await new Promise<void>((done) => {
    if (cli.signal.aborted) done();
    cli.signal.addEventListener("abort", () => done(), { once: true });
  });
  process.off("SIGHUP", reload);
  cli.note("stopping: what is being answered is finished first\n");
  await service.stop();
  return 0;
};

/** Reads the configuration again, one time after the other, and says what came of it. */
function follow(cli: Cli, service: RegistryService): () => void {
  let busy: Promise<void> = Promise.resolve();
  return () => {
    busy = busy.then(async () => {
      try {
        const { later } = await service.reload();
        cli.note("the configuration was read again\n");
        if (later.length > 0) cli.note(`from the next start on: ${later.join(", ")}\n`);
      } catch (error) {
        cli.note(`the configuration stays as it was: ${renderError(toStrakeError(error))}\n`);
      }
    });
  };
}
