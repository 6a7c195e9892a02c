import type { PortMapping } from "./ports.ts";
import { formatSubnet, type Subnet } from "./subnet.ts";

export interface TableOptions {
  /** Name of the nftables table. */
  readonly table: string;
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly published: readonly { readonly address: string; readonly ports: readonly PortMapping[] }[];
}

/**
 * The text for `nft -f` that makes our table say exactly this, whatever it said before; one transaction. Writing the whole
 * of it every time costs nothing that can be measured over one element, and mends what a `nft flush ruleset` broke.
 *
 * - publish: host address and port -> container, for packets from outside (prerouting) and from the host itself (output).
 * - postrouting: containers leave with the host's address; packets from the host's loopback, and from a container to a published
 *   port of its own bridge, get the bridge's, or the answer would take another way back.
 * - forward: into the bridge only answers and what was published.
 * - guard: with route_localnet, which publishing on 127.0.0.1 needs, a container could otherwise reach services of the host that
 *   listen on loopback (as CVE-2020-8558 was).
 */
export function tableScript(options: TableOptions): string {
  const { table, bridge } = options;
  const subnet = formatSubnet(options.subnet);
  const name = `table ip ${table}`;
  return `${name} {
  map tcp_any { type inet_service : ipv4_addr . inet_service; }
  map tcp_one { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map udp_any { type inet_service : ipv4_addr . inet_service; }
  map udp_one { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
}
flush ${name}
${mapNames.map((map) => `flush map ip ${table} ${map}`).join("\n")}
${name} {
  chain publish {
    dnat ip to ip daddr . tcp dport map @tcp_one
    dnat ip to tcp dport map @tcp_any
    dnat ip to ip daddr . udp dport map @udp_one
    dnat ip to udp dport map @udp_any
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade
    ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    oifname "${bridge}" iifname != "${bridge}" ct state established,related accept
    oifname "${bridge}" iifname != "${bridge}" ct status dnat accept
    oifname "${bridge}" iifname != "${bridge}" drop
  }
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname "${bridge}" ip daddr 127.0.0.0/8 drop
  }
}
${elements(options)}`;
}

/** Removes the table, whether or not it exists. */
export function removalScript(table: string): string {
  return `table ip ${table} { }\ndelete table ip ${table}\n`;
}

const mapNames = ["tcp_any", "tcp_one", "udp_any", "udp_one"] as const;

function elements(options: TableOptions): string {
  const lines: string[] = [];
  for (const { address, ports } of options.published)
    for (const port of ports) {
      const target = `${address} . ${port.containerPort}`;
      const everywhere = port.hostAddress === "0.0.0.0";
      const key = everywhere ? `${port.hostPort}` : `${port.hostAddress} . ${port.hostPort}`;
      const map = `${port.protocol}_${everywhere ? "any" : "one"}`;
      lines.push(`add element ip ${options.table} ${map} { ${key} : ${target} }\n`);
    }
  return lines.join("");
}
