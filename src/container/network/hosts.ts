/** A name for /etc/hosts. */
export interface HostEntry {
  readonly address: string;
  readonly names: readonly string[];
}

const standard: readonly HostEntry[] = [
  { address: "127.0.0.1", names: ["localhost"] },
  { address: "::1", names: ["localhost", "ip6-localhost", "ip6-loopback"] },
  { address: "fe00::0", names: ["ip6-localnet"] },
  { address: "ff00::0", names: ["ip6-mcastprefix"] },
  { address: "ff02::1", names: ["ip6-allnodes"] },
  { address: "ff02::2", names: ["ip6-allrouters"] },
];

/** The text of a container's /etc/hosts: the usual names, those the user added, then its own. */
export function hostsFile(entries: readonly HostEntry[]): string {
  return `${[...standard, ...entries].map((entry) => `${entry.address}\t${entry.names.join(" ")}`).join("\n")}\n`;
}

/** With the host's network a container sees the host's own names, and those the user added. */
export function hostsFileOfHost(host: string, entries: readonly HostEntry[]): string {
  const added = entries.map((entry) => `${entry.address}\t${entry.names.join(" ")}\n`).join("");
  return `${host.endsWith("\n") || host === "" ? host : `${host}\n`}${added}`;
}
