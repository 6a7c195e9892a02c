import { lookup as lookupAll } from "node:dns/promises";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { StrakeError } from "../../../errors/index.ts";
import { bareHost } from "./bare-host.ts";

/** Networks that are not the internet's (IANA's special-purpose registries, RFC 6890). */
const internal = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  internal.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 127],
  ["64:ff9b:1::", 48],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  internal.addSubnet(network, prefix, "ipv6");

/** IPv6 addresses with an IPv4 address in their last four bytes: mapped, and NAT64's. */
const carriers = new BlockList();
carriers.addSubnet("::ffff:0:0", 96, "ipv6");
carriers.addSubnet("64:ff9b::", 96, "ipv6");

/** Whether an IP address belongs to this machine, a private network or nobody. */
export function isInternalAddress(address: string): boolean {
  const plain = bareHost(address).replace(/%.*$/, "");
  if (isIP(plain) === 4) return internal.check(plain, "ipv4");
  if (isIP(plain) !== 6) return true;
  if (!carriers.check(plain, "ipv6")) return internal.check(plain, "ipv6");
  // As a URL writes it, the address ends in two groups of hexadecimal digits.
  const [high = 0, low = 0] = new URL(`http://[${plain}]`).hostname
    .slice(1, -1)
    .split(":")
    .slice(-2)
    .map((group) => Number.parseInt(group || "0", 16));
  return internal.check([high >> 8, high & 255, low >> 8, low & 255].join("."), "ipv4");
}

/** Whether some address of a host is internal. A host that cannot be found is none. */
export async function isInternalHost(hostname: string): Promise<boolean> {
  const plain = bareHost(hostname);
  if (isIP(plain) !== 0) return isInternalAddress(plain);
  const found = await lookupAll(plain, { all: true }).catch(() => []);
  return found.some(({ address }) => isInternalAddress(address));
}

/**
 * Looks a host up for a connection and refuses internal addresses: what was looked at is what is connected to, so a name
 * that means another address a moment later (DNS rebinding) gains nothing.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookupAll(hostname, { ...options, all: true }).then(
    (found) => {
      const bad = found.find(({ address }) => isInternalAddress(address));
      if (bad) callback(internalTarget(hostname), "", 0);
      else if (options.all) callback(null, found);
      else callback(null, found[0]?.address ?? "", found[0]?.family ?? 4);
    },
    (error) => callback(error, "", 0),
  );
};

/** What is thrown for a URL that leads where nobody configured a registry. */
export function internalTarget(host: string): StrakeError {
  return new StrakeError(
    "REGISTRY_RESPONSE",
    `a registry sends us to ${host}, which is an internal address`,
    {
      hint: "if its storage or token server really is there, allow internal redirects for this upstream",
    },
  );
}
