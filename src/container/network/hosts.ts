import { StrakeError } from "../../errors/index.ts";

/** A name for /etc/hosts. */
export interface HostEntry {
  /** Of IP, or `host-gateway`: where the container reaches the host, which is known when it starts. */
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

const hostGateway = "host-gateway";

/** With the gateway in place of `host-gateway`; without one those entries lead nowhere and are left out. */
export function withGateway(entries: readonly HostEntry[], gateway: string | undefined): HostEntry[] {
  return entries.flatMap((entry) => {
    if (entry.address !== hostGateway) return [entry];
    return gateway === undefined ? [] : [{ ...entry, address: gateway }];
  });
}

/** Refuses what a resolver would pass over without a word. Errors: CONTAINER_OPTIONS_INVALID. */
export function checkAddresses(options: {
  readonly extraHosts?: readonly HostEntry[];
  readonly dns?: readonly string[];
}): void {
  for (const { address, names } of options.extraHosts ?? [])
    if (address !== hostGateway && !isAddress(address)) throw notAddress(address, `of ${names.join(" ")}`);
  for (const server of options.dns ?? [])
    if (!isAddress(server)) throw notAddress(server, "of a name server");
}

/** Loaded for those who name an address: a start without takes a millisecond less. */
function isAddress(text: string): boolean {
  return process.getBuiltinModule("node:net").isIP(text) !== 0;
}

function notAddress(text: string, whose: string): StrakeError {
  return new StrakeError(
    "CONTAINER_OPTIONS_INVALID",
    `${JSON.stringify(text)} ${whose} is not an IP address`,
    {
      hint: "write 192.0.2.7, 2001:db8::7, or for a host host-gateway",
      exitCode: 125,
    },
  );
}
