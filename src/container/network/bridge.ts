import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { StrakeError } from "../../errors/index.ts";
import { capabilities, type FileLock, lockFile, processStartTime, randomBetween } from "../../sys/index.ts";
import { run } from "../runtime/command.ts";
import { findProgram } from "../runtime/runtime.ts";
import { passOtherFirewalls } from "./firewall.ts";
import { Leases, type NetworkLease } from "./leases.ts";
import { assignPorts, checkAddresses, listeningPorts, type TakenPort } from "./port-assignment.ts";
import type { PortMapping } from "./ports.ts";
import {
  chooseSubnet,
  defaultInterface,
  formatIPv4,
  formatSubnet,
  macOf,
  nextAddress,
  parseIPv4,
  parseRoutes,
  parseSubnet,
  type Subnet,
} from "./subnet.ts";
import { removalScript, tableScript } from "./table.ts";

/** A place on the bridge: reserved, not yet wired. */
export interface Endpoint {
  readonly id: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  readonly ports: readonly PortMapping[];
}

const defaultRunRoot = "/run/strake";
/** One for the machine: two run roots that look for a free range at the same time would find the same one. */
const rangeLock = "/run/strake-networks.lock";

/**
 * The default network: one bridge with addresses of its own, behind the host's. Its rules live in an nftables table of their
 * own, its state in `<runRoot>/network`. Another run root gets another bridge, which goes when its last container does.
 */
export class BridgeNetwork {
  readonly bridge: string;
  readonly table: string;
  readonly #runRoot: string;
  readonly #isDefault: boolean;
  readonly #warn: (message: string) => void;

  constructor(runRoot: string, warn: (message: string) => void = () => {}) {
    this.#runRoot = runRoot;
    this.#warn = warn;
    this.#isDefault = runRoot === defaultRunRoot;
    // Interface names have at most 15 bytes.
    const hash = new Bun.CryptoHasher("sha256").update(runRoot).digest("hex").slice(0, 8);
    this.bridge = this.#isDefault ? "strake0" : `strake${hash}`;
    this.table = this.#isDefault ? "strake" : `strake_${hash}`;
  }

  /** Why a bridge cannot be made here; undefined when it can. */
  static obstacle(): string | undefined {
    if (process.getuid?.() !== 0) return "it needs root";
    if (!capabilities().effective.has("CAP_NET_ADMIN"))
      return "this root may not make networks (no CAP_NET_ADMIN)";
    for (const [program, pkg] of [
      ["ip", "iproute2"],
      ["nft", "nftables"],
      ["nsenter", "util-linux"],
    ] as const)
      if (findProgram(program) === undefined) return `${program} is not installed (apt-get install ${pkg})`;
    return undefined;
  }

  /**
   * Reserves an address and ports, makes the bridge if need be, and publishes. `folder` exists as long as the container runs.
   * Errors: PORT_BUSY, NETWORK_EXHAUSTED, NETWORK_FAILED.
   */
  async open(request: { id: string; folder: string; ports: readonly PortMapping[] }): Promise<Endpoint> {
    const obstacle = BridgeNetwork.obstacle();
    if (obstacle !== undefined)
      throw new StrakeError("NETWORK_FAILED", `the bridge network cannot be used: ${obstacle}`, {
        hint: "Use --network host or --network none.",
        exitCode: 125,
      });
    if (request.ports.length > 0) checkAddresses(request.ports, hostAddresses());
    const leases = new Leases(`${this.#runRoot}/network`);
    using _lock = await lockFile(leases.lockPath);
    const current = leases.list();
    using _range = existsSync(`/sys/class/net/${this.bridge}`) ? undefined : await lockRange();
    const { subnet, isNew, last } = this.#subnet(leases);
    const gateway = formatIPv4(subnet.address + 1);
    const taken = new Set(current.map((lease) => parseIPv4(lease.address)));
    const number = nextAddress(subnet, taken, last);
    if (number === undefined)
      throw new StrakeError("NETWORK_EXHAUSTED", `no free address is left in ${formatSubnet(subnet)}`);
    const address = formatIPv4(number);
    const ports =
      request.ports.length === 0
        ? []
        : assignPorts(request.ports, portsInUse(current), randomBetween(32768, 61000));
    const owner = { pid: process.pid, startTime: processStartTime(process.pid) };
    const lease: NetworkLease = { id: request.id, address, ports, owner, folder: request.folder };
    leases.put(lease);
    leases.setBridge({ subnet: formatSubnet(subnet), last: address });
    try {
      const [, , warning] = await Promise.all([
        isNew ? this.#makeBridge(subnet, gateway) : undefined,
        this.#writeTable(subnet, [...current, lease]),
        passOtherFirewalls(this.bridge, { first: isNew, lasting: this.#isDefault }),
      ]);
      if (warning) this.#warn(warning);
      forwardPackets(this.bridge);
    } catch (error) {
      leases.remove(request.id);
      throw error;
    }
    return { id: request.id, address, prefixLength: subnet.prefixLength, gateway, mac: macOf(number), ports };
  }

  /** Wires the network namespace of a process: a veth pair, its address and routes. */
  async connect(endpoint: Endpoint, pid: number): Promise<void> {
    const veth = this.#vethOf(endpoint.id);
    const mtu = hostMtu();
    await ipBatch([
      `link add name ${veth} mtu ${mtu} type veth peer name eth0 mtu ${mtu} address ${endpoint.mac} netns ${pid}`,
      `link set dev ${veth} master ${this.bridge} up`,
      // With br_netfilter a container that calls its own published port is sent back through the port it came from.
      `link set dev ${veth} type bridge_slave hairpin on`,
    ]);
    await ipBatch(
      [
        "link set dev lo up",
        `address add ${endpoint.address}/${endpoint.prefixLength} broadcast + dev eth0`,
        "link set dev eth0 up",
        `route add default via ${endpoint.gateway}`,
      ],
      pid,
    );
  }

  /**
   * Gives everything back. The veth pair goes with the container's namespace. Idempotent.
   */
  async close(id: string): Promise<void> {
    if (!existsSync(`${this.#runRoot}/network/leases/${id}`)) return;
    const leases = new Leases(`${this.#runRoot}/network`);
    using _lock = await lockFile(leases.lockPath);
    const lease = leases.get(id);
    if (lease === undefined) return;
    leases.remove(id);
    const rest = leases.list();
    const bridge = leases.bridge();
    if (bridge === undefined) return;
    if (rest.length === 0 && !this.#isDefault) {
      leases.setBridge(undefined);
      await this.destroy();
    } else if (lease.ports.length > 0) await this.#writeTable(parseSubnet(bridge.subnet), rest);
  }

  /** Takes the bridge and its table away. */
  async destroy(): Promise<void> {
    await Promise.all([
      run(["nft", "-f", "-"], { stdin: removalScript(this.table) }),
      run(["ip", "link", "delete", "dev", this.bridge]),
    ]);
  }

  #subnet(leases: Leases): { subnet: Subnet; isNew: boolean; last: number } {
    const known = leases.bridge();
    const exists = existsSync(`/sys/class/net/${this.bridge}`);
    if (known && exists)
      return { subnet: parseSubnet(known.subnet), isNew: false, last: parseIPv4(known.last) };
    if (known) return { subnet: parseSubnet(known.subnet), isNew: true, last: parseIPv4(known.last) };
    const subnet = chooseSubnet(parseRoutes(readFileSync("/proc/net/route", "utf8")));
    if (subnet === undefined)
      throw new StrakeError(
        "NETWORK_EXHAUSTED",
        "every address range for containers is already routed on this host",
      );
    return { subnet, isNew: true, last: 0 };
  }

  async #makeBridge(subnet: Subnet, gateway: string): Promise<void> {
    // A bridge without an address of its own takes that of its lowest port, and changes it as containers come and go.
    const create = existsSync(`/sys/class/net/${this.bridge}`)
      ? []
      : [`link add name ${this.bridge} mtu ${hostMtu()} address ${macOf(subnet.address + 1)} type bridge`];
    // Remembers whose it is; a name with other characters would need quoting that ip(8) does not describe.
    const alias = /^[\w./-]+$/.test(this.#runRoot)
      ? [`link set dev ${this.bridge} alias ${mark}${this.#runRoot}`]
      : [];
    await removeForsaken(this.bridge);
    await ipBatch([
      ...create,
      ...alias,
      `address replace ${gateway}/${subnet.prefixLength} broadcast + dev ${this.bridge}`,
      `link set dev ${this.bridge} up`,
    ]);
  }

  async #writeTable(subnet: Subnet, leases: readonly NetworkLease[]): Promise<void> {
    const published = leases.filter((lease) => lease.ports.length > 0);
    const script = tableScript({ table: this.table, bridge: this.bridge, subnet, published });
    const result = await run(["nft", "-f", "-"], { stdin: script });
    if (result.status !== 0) throw failed("nft", result.stderr);
  }

  #vethOf(id: string): string {
    return `strk${new Bun.CryptoHasher("sha256").update(`${this.#runRoot}\0${id}`).digest("hex").slice(0, 10)}`;
  }
}

/** Held from the look for a range that is free to the route that takes it. In a user namespace /run may not be ours, nor is the network shared. */
async function lockRange(): Promise<FileLock | undefined> {
  try {
    return await lockFile(rangeLock);
  } catch {
    return undefined;
  }
}

/** Begins the alias of every bridge of ours; the run root follows. */
const mark = "strake:";

/** Takes away bridges whose run root was deleted while they were in use: nobody else will. */
async function removeForsaken(own: string): Promise<void> {
  for (const bridge of readdirSync("/sys/class/net")) {
    if (!/^strake[0-9a-f]{8}$/.test(bridge) || bridge === own) continue;
    const alias = readOr(`/sys/class/net/${bridge}/ifalias`).trim();
    if (!alias.startsWith(mark) || existsSync(alias.slice(mark.length))) continue;
    await run(["nft", "-f", "-"], { stdin: removalScript(bridge.replace("strake", "strake_")) });
    await run(["ip", "link", "delete", "dev", bridge]);
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function ipBatch(lines: readonly string[], pid?: number): Promise<void> {
  const command = ["ip", "-batch", "-"];
  const inside = pid === undefined ? command : ["nsenter", `--net=/proc/${pid}/ns/net`, ...command];
  const result = await run(inside, { stdin: `${lines.join("\n")}\n` });
  if (result.status !== 0) throw failed("ip", result.stderr);
}

function failed(tool: string, stderr: string): StrakeError {
  return new StrakeError("NETWORK_FAILED", `${tool} could not set up the network: ${stderr.trim()}`, {
    hint: "Use --network host, or see `strake doctor`.",
    exitCode: 125,
  });
}

/** Packets must be routed between the bridge and the rest, and from the host's loopback to the bridge. */
function forwardPackets(bridge: string): void {
  for (const path of ["/proc/sys/net/ipv4/ip_forward", `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`])
    if (readFileSync(path, "utf8").trim() !== "1") writeFileSync(path, "1");
}

/** Containers must not send larger packets than the way out takes. */
function hostMtu(): number {
  try {
    const name = defaultInterface(readFileSync("/proc/net/route", "utf8"));
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8")) || 1500;
  } catch {
    return 1500;
  }
}

function portsInUse(leases: readonly NetworkLease[]): TakenPort[] {
  const files = [
    ["tcp", "tcp"],
    ["tcp", "tcp6"],
    ["udp", "udp"],
    ["udp", "udp6"],
  ] as const;
  const listening = files.flatMap(([protocol, file]) => {
    try {
      return listeningPorts(readFileSync(`/proc/net/${file}`, "utf8"), protocol);
    } catch {
      return [];
    }
  });
  const published = leases.flatMap((lease) =>
    lease.ports.map((port) => ({
      protocol: port.protocol,
      address: port.hostAddress,
      port: port.hostPort,
      owner: `the container ${lease.id.slice(0, 12)}`,
      freedBy: `strake stop ${lease.id.slice(0, 12)}`,
    })),
  );
  return [...listening, ...published];
}

function hostAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(all.filter(({ family }) => family === "IPv4").map(({ address }) => address));
}
