import { StrakeError } from "../../errors/index.ts";
import type { PortMapping, PortProtocol } from "./ports.ts";
import { formatIPv4 } from "./subnet.ts";

/** A port of the host that is in use: by a program that listens, or published for a container. */
export interface TakenPort {
  readonly protocol: PortProtocol;
  readonly address: string;
  readonly port: number;
  /** Who has it, for the error. */
  readonly owner: string;
  /** The command that makes it free, where we know one. */
  readonly freedBy?: string;
}

/** The kernel's own range of ports for outgoing connections begins here on every distribution. */
const firstRandomPort = 32768;
const lastRandomPort = 60999;

/**
 * Gives every mapping its port on the host: the asked one, the first free one of a range, or for 0 a free one from 32768 on. `start` moves the place where
 * the search begins. Errors: PORT_BUSY, NETWORK_EXHAUSTED.
 */
export function assignPorts(
  wanted: readonly PortMapping[],
  taken: readonly TakenPort[],
  start = firstRandomPort,
): PortMapping[] {
  const all = [...taken];
  const take = (mapping: PortMapping): PortMapping => {
    all.push({
      protocol: mapping.protocol,
      address: mapping.hostAddress,
      port: mapping.hostPort,
      owner: "it",
    });
    return mapping;
  };
  const isFixed = (mapping: PortMapping) => mapping.hostPort !== 0 && mapping.hostPortEnd === undefined;
  // Asked ports first, so that a random one never takes what a later mapping names.
  const fixed = new Map(
    wanted.filter(isFixed).map((mapping) => {
      const other = conflict(all, mapping);
      if (other !== undefined) throw busy(mapping, other);
      return [mapping, take(mapping)] as const;
    }),
  );
  return wanted.map((mapping) => {
    const known = fixed.get(mapping);
    if (known) return known;
    const { hostPortEnd, ...rest } = mapping;
    const [first, last] =
      hostPortEnd === undefined ? [firstRandomPort, lastRandomPort] : [mapping.hostPort, hostPortEnd];
    const count = last - first + 1;
    const skip = hostPortEnd === undefined ? start - first : 0;
    for (let n = 0; n < count; n++) {
      const candidate = { ...rest, hostPort: first + ((skip + n) % count) };
      if (!conflict(all, candidate)) return take(candidate);
    }
    const where = hostPortEnd === undefined ? "on the host" : `from ${mapping.hostPort} to ${hostPortEnd}`;
    throw new StrakeError("NETWORK_EXHAUSTED", `no free port is left ${where}`, { exitCode: 125 });
  });
}

/** Refuses addresses that are not the host's: nothing would ever arrive there. `own`: the addresses it has. Errors: PORT_INVALID. */
export function checkAddresses(wanted: readonly PortMapping[], own: ReadonlySet<string>): void {
  for (const { hostAddress, hostPort, containerPort } of wanted) {
    if (hostAddress === "0.0.0.0" || hostAddress.startsWith("127.") || own.has(hostAddress)) continue;
    throw new StrakeError(
      "PORT_INVALID",
      `cannot publish ${hostAddress}:${hostPort}:${containerPort}: this machine has no address ${hostAddress}`,
      { hint: `it has ${[...own].join(", ")}`, exitCode: 125 },
    );
  }
}

function conflict(taken: readonly TakenPort[], mapping: PortMapping): TakenPort | undefined {
  return taken.find(
    (other) =>
      other.protocol === mapping.protocol &&
      other.port === mapping.hostPort &&
      (other.address === mapping.hostAddress ||
        other.address === "0.0.0.0" ||
        mapping.hostAddress === "0.0.0.0"),
  );
}

function busy(mapping: PortMapping, { owner, freedBy }: TakenPort): StrakeError {
  const { hostAddress, hostPort, protocol, containerPort } = mapping;
  const free = freedBy ? `Make it free (\`${freedBy}\`), choose another port,` : "Choose another port,";
  const where = hostAddress === "0.0.0.0" ? "" : `${hostAddress}:`;
  return new StrakeError(
    "PORT_BUSY",
    `cannot publish ${hostAddress}:${hostPort}/${protocol}: ${owner} already uses it`,
    {
      hint: `${free} or 0 for any free one: -p ${where}0:${containerPort}.`,
      exitCode: 125,
    },
  );
}

/**
 * Ports in the text of /proc/net/tcp or udp (and their IPv6 twins): for TCP those that listen (state 0A), for UDP all that are bound
 * and not connected (07). An IPv6 wildcard takes IPv4 too.
 */
export function listeningPorts(text: string, protocol: PortProtocol): TakenPort[] {
  const ports: TakenPort[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, local = "", , state] = line.trim().split(/\s+/);
    if (state !== (protocol === "tcp" ? "0A" : "07")) continue;
    const [address = "", port = ""] = local.split(":");
    const plain = localAddress(address);
    if (plain !== undefined)
      ports.push({
        protocol,
        address: plain,
        port: Number.parseInt(port, 16),
        owner: "a program of the host",
      });
  }
  return ports;
}

/** IPv4 addresses are one little-endian word, IPv6 four; of IPv6 only the wildcard and mapped IPv4 matter here. */
function localAddress(hex: string): string | undefined {
  const word = (text: string) => Number.parseInt(text.replace(/(..)(..)(..)(..)/, "$4$3$2$1"), 16);
  if (hex.length === 8) return formatIPv4(word(hex));
  if (/^0{32}$/.test(hex)) return "0.0.0.0";
  if (/^0{16}FFFF0000/i.test(hex)) return formatIPv4(word(hex.slice(24)));
  return undefined;
}
