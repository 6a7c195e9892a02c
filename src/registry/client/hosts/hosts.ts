import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "../http/transport.ts";
import { parseRegistriesConf, type RegistryRule, relocate, ruleFor } from "./registries-conf.ts";
import type { Endpoint } from "./settings.ts";

export interface HostsOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Registries used without TLS, or without checking it, whatever the files say. */
  readonly insecure?: boolean;
}

/** What this machine's files say about registries. Read once. Errors: REGISTRY_CONFIG. */
export class Hosts {
  readonly #rules: readonly RegistryRule[];
  readonly #certificates: readonly string[];
  readonly #insecure: boolean;

  constructor(options: HostsOptions = {}) {
    const env = options.env ?? process.env;
    this.#insecure = options.insecure === true;
    this.#rules = configFiles(env).flatMap((file) => parseRegistriesConf(readFileSync(file, "utf8"), file));
    this.#certificates = certificateFolders(env);
  }

  /** Where a repository can be pulled from: its mirrors in order, then itself. */
  forPull(host: string, path: string): Endpoint[] {
    const name = `${host}/${path}`;
    const rule = ruleFor(this.#rules, name);
    const mirrors = (rule?.mirrors ?? [])
      .filter((mirror) => mirror.location !== "")
      .map((mirror) => ({
        ...this.#endpoint(relocate(name, rule!.prefix, mirror.location), mirror.insecure),
        isMirror: true,
        pullFrom: mirror.pullFrom,
      }));
    return [...mirrors, this.forPush(host, path)];
  }

  /** The registry itself: pushes never go to a mirror. */
  forPush(host: string, path: string): Endpoint {
    const name = path === "" ? host : `${host}/${path}`;
    const rule = ruleFor(this.#rules, name);
    const place = rule === undefined ? name : relocate(name, rule.prefix, rule.location);
    return {
      ...this.#endpoint(place, rule?.insecure === true),
      isMirror: false,
      ...(rule?.blocked ? { blocked: true } : {}),
    };
  }

  #endpoint(place: string, insecure: boolean): Endpoint {
    const slash = place.indexOf("/");
    const host = slash < 0 ? place : place.slice(0, slash);
    const path = slash < 0 ? "" : place.slice(slash + 1);
    return {
      host,
      path,
      isMirror: false,
      ...(insecure || this.#insecure ? { insecure: true } : {}),
      tls: this.#tls(host),
    };
  }

  /** CA and client certificates as Docker and Podman lay them down: certs.d/HOST/*.crt, *.cert with *.key. */
  #tls(host: string): TlsOptions {
    const ca: string[] = [];
    let client: { cert: string; key: string } | undefined;
    for (const folder of this.#certificates
      .map((base) => join(base, host))
      .filter((path) => existsSync(path)))
      for (const name of readdirSync(folder).sort()) {
        const path = join(folder, name);
        if (name.endsWith(".crt")) ca.push(readFileSync(path, "utf8"));
        const key = path.replace(/\.cert$/, ".key");
        if (name.endsWith(".cert") && existsSync(key))
          client ??= { cert: readFileSync(path, "utf8"), key: readFileSync(key, "utf8") };
      }
    return { ...(ca.length > 0 ? { ca: [...ca, ...systemAuthorities()] } : {}), ...client };
  }
}

/** A `ca` option replaces the system's store, so what is trusted anyway is added to it. */
function systemAuthorities(): string[] {
  const file = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
  ].find((path) => existsSync(path));
  return file === undefined ? [] : [readFileSync(file, "utf8")];
}

/** The user's file in place of the system's, then the drop-ins of both. */
function configFiles(env: Readonly<Record<string, string | undefined>>): string[] {
  const named = env.CONTAINERS_REGISTRIES_CONF;
  if (named !== undefined && named !== "") return [named];
  const user = join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "containers");
  const main = [join(user, "registries.conf"), "/etc/containers/registries.conf"].find((path) =>
    existsSync(path),
  );
  const dropIns = ["/etc/containers", user].flatMap((base) => {
    const folder = join(base, "registries.conf.d");
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => name.endsWith(".conf"))
      .sort()
      .map((name) => join(folder, name));
  });
  return [...(main === undefined ? [] : [main]), ...dropIns];
}

function certificateFolders(env: Readonly<Record<string, string | undefined>>): string[] {
  const home = env.HOME || homedir();
  const user = env.XDG_CONFIG_HOME || join(home, ".config");
  const named = env.STRAKE_CERTS_DIR ? [env.STRAKE_CERTS_DIR] : [];
  return [
    ...named,
    join(user, "containers/certs.d"),
    "/etc/containers/certs.d",
    join(home, ".docker/certs.d"),
    "/etc/docker/certs.d",
  ];
}
