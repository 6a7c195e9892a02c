/** An IPv4 network: `address` is its first, as a 32-bit unsigned number. */
export interface Subnet {
  readonly address: number;
  readonly prefixLength: number;
}

export function parseIPv4(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIPv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

export function parseSubnet(text: string): Subnet {
  const [address = "", length = "32"] = text.split("/");
  const prefixLength = Number(length);
  return { address: (parseIPv4(address) & maskOf(prefixLength)) >>> 0, prefixLength };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIPv4(subnet.address)}/${subnet.prefixLength}`;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const mask = maskOf(Math.min(a.prefixLength, b.prefixLength));
  return (a.address & mask) >>> 0 === (b.address & mask) >>> 0;
}

/**
 * Networks tried in this order for the bridge. None is the default of Docker (172.17/16 and up), podman (10.88/16), libvirt
 * (192.168.122/24), Kubernetes (10.96/12, 10.244/16) or the usual home router.
 */
const candidates = (): readonly string[] => [
  ...Array.from({ length: 8 }, (_, n) => `10.${80 - n}.0.0/16`),
  ...Array.from({ length: 8 }, (_, n) => `172.31.${(n + 8) * 8}.0/21`),
  ...Array.from({ length: 32 }, (_, n) => `192.168.${200 + n}.0/24`),
];

/** The first candidate that no route of the host touches; undefined when all are taken. */
export function chooseSubnet(routes: readonly Subnet[]): Subnet | undefined {
  return candidates()
    .map(parseSubnet)
    .find((candidate) => !routes.some((route) => overlaps(candidate, route)));
}

/** Routes in the text of /proc/net/route, without the default route. Numbers there are little-endian hex. */
export function parseRoutes(text: string): Subnet[] {
  const routes: Subnet[] = [];
  for (const line of text.split("\n").slice(1)) {
    const fields = line.split("\t");
    if (fields.length < 8) continue;
    const prefixLength = countBits(swap(fields[7]!));
    if (prefixLength > 0) routes.push({ address: swap(fields[1]!), prefixLength });
  }
  return routes;
}

/** The interface of the default route in the text of /proc/net/route. */
export function defaultInterface(text: string): string | undefined {
  for (const line of text.split("\n").slice(1)) {
    const fields = line.split("\t");
    if (fields[1] === "00000000" && fields[7] === "00000000") return fields[0];
  }
  return undefined;
}

/**
 * The next free host address of a network after `last`, round and round: an address that was just given back may still be
 * answered for by a network namespace the kernel has not finished taking down. The first address is the gateway's.
 */
export function nextAddress(subnet: Subnet, taken: ReadonlySet<number>, last: number): number | undefined {
  const size = 2 ** (32 - subnet.prefixLength);
  const hosts = size - 3;
  const start = last > subnet.address && last < subnet.address + size ? last - subnet.address - 1 : 0;
  for (let n = 0; n < hosts; n++) {
    const address = subnet.address + 2 + ((start + n) % hosts);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/**
 * The hardware address for an address: always the same one, so that neighbours' caches stay right when an address gets a new
 * container. Locally administered (bit 1 of the first byte).
 */
export function macOf(address: number): string {
  const bytes = [0x02, 0x5b, ...[24, 16, 8, 0].map((shift) => (address >>> shift) & 255)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

function swap(hex: string): number {
  const value = Number.parseInt(hex, 16);
  return (((value & 255) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

function countBits(mask: number): number {
  let bits = 0;
  for (let rest = mask; rest !== 0; rest = (rest << 1) >>> 0) bits++;
  return bits;
}
