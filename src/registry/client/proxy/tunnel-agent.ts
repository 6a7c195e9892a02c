import type { ClientRequest } from "node:http";
import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect } from "node:tls";
import type { HttpProxy } from "./environment.ts";
import { openTunnel } from "./tunnel.ts";

type Done = (error: Error | null, socket: Duplex) => void;

/** Connections of node:https through a proxy: TLS is spoken with the registry itself, through the tunnel, and is kept open as ever. */
export class TunnelAgent extends Agent {
  readonly #proxy: HttpProxy;
  readonly #ms: number;
  readonly #dialing = new Set<ClientRequest>();

  /** `ms`: in which the proxy must have made a connection. */
  constructor(options: AgentOptions, proxy: HttpProxy, ms: number) {
    super(options);
    this.#proxy = proxy;
    this.#ms = ms;
  }

  // node:http calls it for each connection; what gives no socket at once calls `done`.
  override createConnection(options: RequestOptions, done?: Done): undefined {
    this.#dial(options).then(
      (socket) => done?.(null, socket),
      (error) => done?.(error, undefined as never),
    );
    return undefined;
  }

  async #dial(options: RequestOptions): Promise<Duplex> {
    const { path: _path, ...rest } = options;
    const host = options.host ?? "";
    const onDial = (request: ClientRequest) => {
      this.#dialing.add(request);
      request.once("close", () => this.#dialing.delete(request));
    };
    const target = tunnelTarget(host, options.port ?? undefined);
    const socket = await openTunnel(target, this.#proxy, { ms: this.#ms, onDial });
    try {
      const name = isIP(host) === 0 ? { servername: host } : {};
      return connect({ ...rest, ...name, socket } as ConnectionOptions);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  override destroy(): void {
    for (const request of this.#dialing) request.destroy();
    super.destroy();
  }
}

/** Host and port as CONNECT names them. */
export function tunnelTarget(host: string, port: number | string | undefined): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port || 443}`;
}
