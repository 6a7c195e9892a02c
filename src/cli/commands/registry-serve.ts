import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { serveRegistry } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { registryServeFlags } from "../spec/registry.ts";

export const registryServe: Handler<typeof registryServeFlags> = async (cli, { flags }) => {
  const registry = await serveRegistry({
    storage: place(cli, flags.storage),
    listen: flags.listen,
    open: flags.open,
    tls: certificate(cli, flags["tls-cert"], flags["tls-key"]),
    sparse: flags.sparse,
    log: flags.quiet ? undefined : (record) => cli.print(`${JSON.stringify(record)}\n`),
    env: cli.env,
  });
  cli.note(`serving ${registry.url.href}\n`);
  await new Promise<void>((done) => {
    if (cli.signal.aborted) done();
    cli.signal.addEventListener("abort", () => done(), { once: true });
  });
  cli.note("stopping: what is being answered is finished first\n");
  await registry.stop();
  return 0;
};

function place(cli: Cli, storage: string | undefined): string | undefined {
  if (storage === undefined || storage === "memory" || storage.startsWith("s3:")) return storage;
  return resolve(cli.cwd, storage);
}

function certificate(cli: Cli, cert: string | undefined, key: string | undefined) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new StrakeError("USAGE", "--tls-cert and --tls-key belong together");
  const read = (file: string) => {
    try {
      return readFileSync(resolve(cli.cwd, file), "utf8");
    } catch (cause) {
      throw new StrakeError("USAGE", `${file} cannot be read`, { cause });
    }
  };
  return { cert: read(cert), key: read(key) };
}
