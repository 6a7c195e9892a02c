import { BlockList, isIP } from "node:net";

/** Whether a host is asked without a proxy. `hostname` is as in a URL, without brackets. */
export type Exempt = (hostname: string, port: string) => boolean;

/**
 * What a NO_PROXY means, as Go's programs read it (docker, skopeo, crane): entries between commas, each `*`, an address, a network
 * (`10.0.0.0/8`), a name, which is its subdomains too, or `.name`, which is its subdomains alone; all but networks with a port where one is meant.
 */
export function parseNoProxy(text: string): Exempt {
  const entries = text
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "");
  if (entries.includes("*")) return () => true;
  const rules = entries.map(ruleOf);
  return (hostname, port) => rules.some((rule) => rule(hostname.toLowerCase().replace(/\.$/, ""), port));
}

/** This machine itself: no proxy could ask it. */
export function isThisMachine(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  const family = isIP(name);
  return family !== 0 && loopback.check(name, family === 6 ? "ipv6" : "ipv4");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addSubnet("::ffff:127.0.0.0", 104, "ipv6");

function ruleOf(entry: string): Exempt {
  const network = /^([0-9a-f.:]+)\/([0-9]{1,3})$/.exec(entry);
  if (network) return inNetwork(network[1]!, Number(network[2]));
  const bare = entry.replace(/^\[(.*)\]$/, "$1");
  const [, host, port] =
    isIP(bare) === 0 ? (/^(.+):([0-9]+)$/.exec(entry) ?? ["", entry, undefined]) : ["", bare, undefined];
  const samePort = (asked: string) => port === undefined || port === asked;
  const plain = host!.replace(/^\[(.*)\]$/, "$1");
  if (isIP(plain) !== 0) {
    const same = inNetwork(plain, isIP(plain) === 6 ? 128 : 32);
    return (hostname, asked) => samePort(asked) && same(hostname, asked);
  }
  const name = plain.replace(/^\*\./, ".").replace(/\.$/, "");
  const suffix = name.startsWith(".") ? name : `.${name}`;
  if (suffix === ".") return () => false;
  return (hostname, asked) => samePort(asked) && (hostname === name || hostname.endsWith(suffix));
}

/** Nothing is in what is no network. */
function inNetwork(address: string, prefix: number): Exempt {
  const family = isIP(address);
  if (family === 0 || prefix > (family === 6 ? 128 : 32)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 6 ? "ipv6" : "ipv4");
  return (hostname) => {
    const asked = isIP(hostname);
    return asked !== 0 && list.check(hostname, asked === 6 ? "ipv6" : "ipv4");
  };
}
