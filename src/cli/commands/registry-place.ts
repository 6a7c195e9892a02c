import { resolve } from "node:path";
import { storageSettings } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues } from "../command.ts";
import type { registryPlaceFlags } from "../spec/registry.ts";

/** The configuration file and the storage that flags name. */
export function placeOf(
  cli: Cli,
  flags: FlagValues<typeof registryPlaceFlags>,
): { config: string | undefined; settings: { storage?: object } } {
  const { root, "s3-bucket": bucket, "s3-endpoint": endpoint, "s3-region": region } = flags;
  const named: Record<string, unknown> =
    flags.storage === undefined ? {} : { ...storageSettings(flags.storage) };
  if (typeof named.root === "string") named.root = resolve(cli.cwd, named.root);
  if (root !== undefined) {
    if (named.root !== undefined) throw new StrakeError("USAGE", "--storage and --root name a folder each");
    Object.assign(named, { driver: named.driver ?? "files", root: resolve(cli.cwd, root) });
  }
  if (bucket !== undefined) Object.assign(named, { driver: named.driver ?? "s3", bucket });
  Object.assign(named, endpoint === undefined ? {} : { endpoint }, region === undefined ? {} : { region });
  return {
    config: flags.config === undefined ? undefined : resolve(cli.cwd, flags.config),
    settings: Object.keys(named).length > 0 ? { storage: named } : {},
  };
}
