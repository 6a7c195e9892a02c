import { resolve } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import { parseProxy } from "../../registry/server/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues } from "../command.ts";
import type { registryServeFlags } from "../spec/registry.ts";

type ServeFlags = FlagValues<typeof registryServeFlags>;

/** What the flags of `registry serve` say, in the shape of the configuration file. Throws USAGE. */
export function settingsOf(cli: Cli, flags: ServeFlags): Record<string, unknown> {
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(cli.cwd, path));
  const log = flags.quiet ? "none" : flags.log;
  return present({
    listen: flags.listen,
    open: flags.open || undefined,
    sparse: flags.sparse || undefined,
    tls: tlsOf(at(flags["tls-cert"]), at(flags["tls-key"]), at(flags["tls-client-ca"])),
    access: accessOf(flags, at(flags.htpasswd)),
    collection: present({
      every: flags["gc-interval"],
      grace: flags["gc-grace"],
      undo: flags.undo,
      untagged: flags["gc-untagged"] ? "collect" : undefined,
    }),
    scrub: present({ every: flags["scrub-interval"] }),
    webhooks: flags.webhook.length > 0 ? flags.webhook.map((url) => ({ url })) : undefined,
    proxy: flags.proxy.length > 0 ? flags.proxy.map(parseProxy) : undefined,
    trustedProxies: flags["trusted-proxy"].length > 0 ? flags["trusted-proxy"] : undefined,
    metrics: present({ listen: flags["metrics-listen"] }),
    storage: present({
      redirect: flags["s3-redirect"] || undefined,
      publicEndpoint: flags["s3-public-endpoint"],
    }),
    log: log === undefined || log === "stdout" || log === "none" ? log : at(log),
    stopTimeout: flags["stop-timeout"],
  })!;
}

function accessOf(flags: ServeFlags, htpasswd: string | undefined): object | undefined {
  const everything = { repositories: ["**"], actions: ["pull", "push", "delete"], authenticated: true };
  const pull = { repositories: ["**"], actions: ["pull"], anonymous: true };
  const immutable = flags["immutable-tags"];
  return present({
    htpasswd,
    token: flags.token ? {} : undefined,
    admins: flags.admin.length > 0 ? { users: flags.admin } : undefined,
    policies: flags["anonymous-pull"] ? [everything, pull] : undefined,
    immutableTags: immutable.length > 0 ? [{ repositories: ["**"], tags: immutable }] : undefined,
    rateLimit: flags["rate-limit"] === undefined ? undefined : rateOf(flags["rate-limit"]),
  });
}

const seconds = { s: 1, m: 60, h: 3600 } as const;

/** `600/1m`, `10/s`. */
function rateOf(text: string): object {
  const match = /^(\d{1,9})\/(\d{0,6})([smh])$/.exec(text);
  if (!match)
    throw new StrakeError("USAGE", `--rate-limit ${JSON.stringify(text)} is not N/TIME, such as 600/1m`);
  const [, requests, span, unit] = match;
  return { requests: Number(requests), seconds: Number(span || 1) * seconds[unit as keyof typeof seconds] };
}

function tlsOf(cert?: string, key?: string, clientCA?: string): object | undefined {
  const authorities = present({ clientCA });
  if (cert === undefined && key === undefined) return authorities;
  if (cert === undefined || key === undefined)
    throw new StrakeError("USAGE", "--tls-cert and --tls-key belong together");
  return { cert, key, ...authorities };
}

/** Only the members that were given; undefined when there are none. */
function present(members: Record<string, unknown>): Record<string, unknown> | undefined {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}
