import { Agent, type AgentOptions, type ClientRequestArgs } from "node:http";
import { Agent as SecureAgent, type AgentOptions as SecureOptions } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect } from "node:tls";
import type { ProxyServer } from "./address.ts";
import { type Dialing, openTunnel } from "./tunnel.ts";

type Done = (error: Error | null, socket: Duplex) => void;

/** Connections of node:https through a proxy: TLS is spoken with the registry itself, through the tunnel, and is kept open as ever. */
export class TunnelAgent extends SecureAgent {
  readonly #dials: Dials;

  /** `ms`: in which the proxy must have made a connection. */
  constructor(options: SecureOptions, proxy: ProxyServer, ms: number) {
    super(options);
    this.#dials = new Dials(proxy, ms);
  }

  // node:http calls it for each connection; what gives no socket at once calls `done`.
  override createConnection(options: ClientRequestArgs, done?: Done): undefined {
    settle(this.#dial(options), done);
    return undefined;
  }

  async #dial(options: ClientRequestArgs): Promise<Duplex> {
    const { path: _path, ...rest } = options;
    const host = options.host ?? "";
    const socket = await this.#dials.open(tunnelTarget(host, options.port ?? undefined));
    try {
      const name = isIP(host) === 0 ? { servername: host } : {};
      return connect({ ...rest, ...name, socket } as ConnectionOptions);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  override destroy(): void {
    this.#dials.destroy();
    super.destroy();
  }
}

/** Connections of node:http through a proxy that passes bytes on and reads none: SOCKS. */
export class PlainTunnelAgent extends Agent {
  readonly #dials: Dials;

  /** `ms`: in which the proxy must have made a connection. */
  constructor(options: AgentOptions, proxy: ProxyServer, ms: number) {
    super(options);
    this.#dials = new Dials(proxy, ms);
  }

  override createConnection(options: ClientRequestArgs, done?: Done): undefined {
    settle(this.#dials.open(tunnelTarget(options.host ?? "", options.port ?? 80)), done);
    return undefined;
  }

  override destroy(): void {
    this.#dials.destroy();
    super.destroy();
  }
}

/** Tunnels through one proxy, and those not yet there. */
class Dials {
  readonly #proxy: ProxyServer;
  readonly #ms: number;
  readonly #open = new Set<Dialing>();

  constructor(proxy: ProxyServer, ms: number) {
    this.#proxy = proxy;
    this.#ms = ms;
  }

  open(target: string) {
    const onDial = (dialing: Dialing) => {
      this.#open.add(dialing);
      dialing.once("close", () => this.#open.delete(dialing));
    };
    return openTunnel(target, this.#proxy, { ms: this.#ms, onDial });
  }

  destroy(): void {
    for (const dialing of this.#open) dialing.destroy();
  }
}

function settle(dial: Promise<Duplex>, done: Done | undefined): void {
  dial.then(
    (socket) => done?.(null, socket),
    (error) => done?.(error, undefined as never),
  );
}

/** Host and port as a proxy is told them. */
export function tunnelTarget(host: string, port: number | string | undefined): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port || 443}`;
}
