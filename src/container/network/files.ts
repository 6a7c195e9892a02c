import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { type HostEntry, hostsFile, hostsFileOfHost, withGateway } from "./hosts.ts";
import { resolvConf, systemdResolvConf } from "./resolv.ts";

export interface NetworkFilesOptions {
  /** Folder on the host where the files are written. */
  readonly folder: string;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** The container's own address, when it has one. */
  readonly address?: string;
  /** Where it reaches the host, when it does. */
  readonly gateway?: string;
  readonly extraHosts?: readonly HostEntry[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
}

export interface NetworkFile {
  readonly source: string;
  readonly destination: string;
}

/** Writes /etc/hosts, /etc/hostname and /etc/resolv.conf of a container; they are mounted over the image's. */
export function writeNetworkFiles(options: NetworkFilesOptions): { files: NetworkFile[]; warning?: string } {
  const extra = withGateway(options.extraHosts ?? [], options.hostNetwork ? "127.0.0.1" : options.gateway);
  const own = options.address ? [{ address: options.address, names: [options.hostname] }] : [];
  const hosts = options.hostNetwork
    ? hostsFileOfHost(readOr("/etc/hosts", ""), extra)
    : hostsFile([...extra, ...own]);
  const resolv = resolvConf({
    host: readOr("/etc/resolv.conf", ""),
    systemd: readOr(systemdResolvConf, ""),
    hostNetwork: options.hostNetwork,
    servers: options.dns,
    search: options.dnsSearch,
    options: options.dnsOptions,
  });
  const write = (name: string, text: string): NetworkFile => {
    const source = `${options.folder}/${name}`;
    writeFileSync(source, text);
    // Not what the caller's umask leaves: every user of the container looks names up.
    chmodSync(source, 0o644);
    return { source, destination: `/etc/${name}` };
  };
  const files = [
    write("resolv.conf", resolv.text),
    write("hostname", `${options.hostname}\n`),
    write("hosts", hosts),
  ];
  return { files, ...(resolv.warning ? { warning: resolv.warning } : {}) };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}
