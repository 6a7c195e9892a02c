import { BlockList, isIP } from "node:net";
import type { Scheme } from "./request.ts";

/** Whether a text is an address or a network, as `10.0.0.0/8` and `fd00::/8`. */
export function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || address.includes("%") || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Proxies that stand before a registry and say in X-Forwarded-For for whom they ask, and in X-Forwarded-Proto how they were asked. */
export class TrustedProxies {
  readonly #networks = new BlockList();

  /** Addresses and networks, for which {@link isNetwork} is true. */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", bits] = network.split("/");
      if (bits === undefined) this.#networks.addAddress(address, familyOf(address));
      else this.#networks.addSubnet(address, Number(bits), familyOf(address));
    }
  }

  /**
   * Who asks: the address the connection is from, or where that is a trusted proxy, the last one it names that is none. What stands before that in the
   * header came from a stranger.
   */
  clientOf(connection: string, forwardedFor: string | null): string {
    let client = connection;
    for (const text of (forwardedFor ?? "").split(",").reverse()) {
      if (!this.#has(client)) break;
      const named = withoutPort(text.trim());
      if (isIP(named) === 0) break;
      client = named;
    }
    return client;
  }

  /** How the client asked, where the connection is from a trusted proxy that says it; of several in a chain the first knows. */
  schemeOf(connection: string, forwardedProto: string | null): Scheme | undefined {
    if (forwardedProto === null || !this.#has(connection)) return undefined;
    const scheme = forwardedProto.split(",", 1)[0]!.trim().toLowerCase();
    return scheme === "http" || scheme === "https" ? scheme : undefined;
  }

  #has(address: string): boolean {
    return isIP(address) !== 0 && this.#networks.check(address, familyOf(address));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}

/** Some proxies name ports as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? /^([^:]+):\d+$/.exec(text);
  return match?.[1] ?? text;
}
