import { connect, createServer, type Socket } from "node:net";
import { listenOnLoopback, OpenSockets } from "./loopback.ts";

export interface SocksProxyOptions {
  /** What the proxy's DNS knows: `name:port` and where that really is. Anything else is answered `host unreachable`. */
  readonly routes: Readonly<Record<string, string>>;
  /** `user:password` without which nobody is served. */
  readonly login?: string;
  /** The reply's code in place of a connection. */
  readonly reply?: number;
  /** What is sent in place of the first answer. Empty: the client is left without any. */
  readonly greeting?: string;
  /** Every answer goes out a byte at a time. */
  readonly dribble?: boolean;
}

/** A SOCKS5 proxy on loopback (RFC 1928, RFC 1929), and everything it was asked written down. */
export async function startSocksProxy({ routes, login, reply, greeting, dribble }: SocksProxyOptions) {
  const asked: string[] = [];
  const open = new OpenSockets();
  const server = createServer((client) => {
    open.keep(client);
    void serve(client).catch(() => client.destroy());
  });
  const say = async (client: Socket, bytes: number[]) => {
    for (const part of dribble ? bytes.map((byte) => [byte]) : [bytes]) {
      client.write(Buffer.from(part));
      if (dribble) await Bun.sleep(2);
    }
  };
  async function serve(client: Socket) {
    const take = taker(client);
    const [, methods] = await take(2);
    const offered = [...(await take(methods!))];
    if (greeting !== undefined) {
      if (greeting !== "") client.end(greeting);
      return;
    }
    const wanted = login === undefined ? 0 : 2;
    if (!offered.includes(wanted)) {
      asked.push(`no method of ${offered}`);
      client.end(Buffer.from([5, 0xff]));
      return;
    }
    await say(client, [5, wanted]);
    if (login !== undefined) {
      const [, nameLength] = await take(2);
      const name = await take(nameLength!);
      const password = await take((await take(1))[0]!);
      if (`${name}:${password}` !== login) {
        asked.push(`refused ${name}`);
        client.end(Buffer.from([1, 1]));
        return;
      }
      await say(client, [1, 0]);
    }
    const [, , , type] = await take(4);
    const length = type === 1 ? 4 : type === 4 ? 16 : (await take(1))[0]!;
    const address = await take(length);
    const name =
      type === 3 ? address.toString() : type === 1 ? address.join(".") : `[${address.toString("hex")}]`;
    const target = `${name}:${(await take(2)).readUInt16BE()}`;
    asked.push(`CONNECT ${target}`);
    const place = routes[target];
    if (reply !== undefined || place === undefined) {
      client.end(Buffer.from([5, reply ?? 4, 0, 1, 0, 0, 0, 0, 0, 0]));
      return;
    }
    const upstream = open.keep(connect(Number(place.split(":")[1]), place.split(":")[0]!));
    await new Promise((resolve) => upstream.once("connect", resolve));
    // A name as the bound address: its length is not the one that clients see most.
    await say(client, [5, 0, 0, 3, 4, ...Buffer.from("here"), 1, 2]);
    take.end();
    client.pipe(upstream);
    upstream.pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  }
  const host = await listenOnLoopback(server);
  return {
    host,
    asked,
    connections: () => open.count,
    [Symbol.dispose]() {
      open.destroy();
      server.close();
    },
  };
}

/** Takes so many bytes off a socket, in turn. */
function taker(socket: Socket) {
  let held = Buffer.alloc(0);
  let wake = () => {};
  const onData = (bytes: Buffer) => {
    held = Buffer.concat([held, bytes]);
    wake();
  };
  socket.on("data", onData);
  const take = async (count: number): Promise<Buffer> => {
    while (held.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    return taken;
  };
  take.end = () => {
    socket.pause();
    socket.off("data", onData);
    if (held.length > 0) socket.unshift(held);
  };
  return take;
}
