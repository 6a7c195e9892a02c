import type { Cli } from "../cli.ts";
import { version } from "../version.ts";

/** What all commands that speak to registries hand on. */
export function remoteOptions(cli: Cli, flags: { readonly insecure: boolean }) {
  return {
    env: cli.env,
    signal: cli.signal,
    userAgent: `strake/${version}`,
    onWarning: (host: string, text: string) => cli.note(`warning: ${host} says: ${text}\n`),
    ...(flags.insecure ? { insecure: true } : {}),
  };
}
