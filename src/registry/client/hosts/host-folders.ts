import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../../../errors/index.ts";
import type { ClientCertificate } from "../http/client-certificate.ts";
import { userFolder } from "../user-folder.ts";
import { type HostsFile, parseHostsToml } from "./hosts-toml.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Certificates of a host, in PEM. */
export interface HostCertificates {
  readonly ca: readonly string[];
  readonly clients: readonly ClientCertificate[];
}

/**
 * The folders that Docker, Podman and containerd keep for each registry: certs.d/HOST. One with a port may be written HOST_PORT_
 * (a colon is no letter for every file system), and `_default` is for all that have none of their own: containerd's rules.
 */
export class HostFolders {
  readonly #bases: readonly string[];
  readonly #certificates = new Map<string, HostCertificates>();

  constructor(env: Environment) {
    this.#bases = bases(env);
  }

  /** The hosts.toml of a registry: one of its own before one for all. An empty one is none. Errors: REGISTRY_CONFIG. */
  hostsFile(host: string): HostsFile | undefined {
    const found = this.#folders(host).filter(({ path }) => hasHostsFile(path));
    const folder = found.find(({ isDefault }) => !isDefault) ?? found[0];
    if (folder === undefined) return undefined;
    const file = join(folder.path, "hosts.toml");
    return parseHostsToml(readNamed(file), { file, folder: folder.path });
  }

  /** CA and client certificates as Docker lays them down: *.crt, *.cert with *.key. They do not count beside a hosts.toml. Read once. Errors: REGISTRY_CONFIG. */
  certificates(host: string): HostCertificates {
    const known = this.#certificates.get(host) ?? this.#readCertificates(host);
    this.#certificates.set(host, known);
    return known;
  }

  #readCertificates(host: string): HostCertificates {
    const ca: string[] = [];
    const clients: ClientCertificate[] = [];
    for (const { path: folder } of this.#folders(host)) {
      if (hasHostsFile(folder)) continue;
      for (const name of readdirSync(folder).sort()) {
        const path = join(folder, name);
        if (name.endsWith(".crt")) ca.push(readFileSync(path, "utf8"));
        if (!name.endsWith(".cert")) continue;
        const key = path.replace(/\.cert$/, ".key");
        if (!existsSync(key))
          throw new StrakeError("REGISTRY_CONFIG", `${path} is a certificate of ours without its key`, {
            hint: `put the key beside it as ${key}; a CA that is trusted has a name that ends in .crt`,
          });
        clients.push({ cert: readNamed(path), key: readNamed(key) });
      }
    }
    return { ca, clients };
  }

  /** Of each base the first that is there. */
  #folders(host: string): { readonly path: string; readonly isDefault: boolean }[] {
    const colon = host.lastIndexOf(":");
    const names = [
      ...(colon > 0 ? [`${host.slice(0, colon)}_${host.slice(colon + 1)}_`] : []),
      ...[host, "_default"],
    ];
    return this.#bases.flatMap((base) => {
      const name = names.find((each) => existsSync(join(base, each)));
      return name === undefined ? [] : [{ path: join(base, name), isDefault: name === "_default" }];
    });
  }
}

function hasHostsFile(folder: string): boolean {
  const path = join(folder, "hosts.toml");
  return existsSync(path) && readNamed(path) !== "";
}

/** A file that a configuration names. Errors: REGISTRY_CONFIG. */
export function readNamed(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new StrakeError("REGISTRY_CONFIG", `${path} cannot be read (${code})`, { cause });
  }
}

function bases(env: Environment): string[] {
  const home = userFolder(env);
  const user = env.XDG_CONFIG_HOME || join(home, ".config");
  return [
    ...(env.STRAKE_CERTS_DIR ? [env.STRAKE_CERTS_DIR] : []),
    join(user, "containers/certs.d"),
    join(user, "containerd/certs.d"),
    "/etc/containers/certs.d",
    "/etc/containerd/certs.d",
    join(home, ".docker/certs.d"),
    "/etc/docker/certs.d",
  ];
}
