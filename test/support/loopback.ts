import type { AddressInfo, Server, Socket } from "node:net";

/** Begins to serve on a free port of loopback; gives `127.0.0.1:PORT`. */
export async function listenOnLoopback(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The connections of a proxy, to both sides, so that none outlives it. */
export class OpenSockets {
  readonly #open = new Set<Socket>();

  get count(): number {
    return this.#open.size;
  }

  keep(socket: Socket): Socket {
    this.#open.add(socket);
    return socket.on("error", () => {}).on("close", () => this.#open.delete(socket));
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
