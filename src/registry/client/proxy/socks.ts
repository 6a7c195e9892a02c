import { connect, isIP, type Socket } from "node:net";
import { bareHost } from "../http/bare-host.ts";
import type { ProxyServer } from "./address.ts";
import {
  proxyFailed,
  proxyForbids,
  proxySilent,
  proxySpeaksOtherwise,
  proxyUnreachable,
  proxyWantsLogin,
} from "./proxy-error.ts";
import type { TunnelOptions } from "./tunnel.ts";

/**
 * A connection to a host through a SOCKS5 proxy (RFC 1928), with a name and a password where the address of the proxy has them (RFC 1929). Names go
 * to the proxy as they are: it looks them up. `target`: host and port. Errors: REGISTRY_PROXY, REGISTRY_PROXY_DENIED, REGISTRY_CONFIG.
 */
export function openSocksTunnel(
  target: string,
  proxy: ProxyServer,
  { ms, onDial }: TunnelOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: proxy.hostname, port: proxy.port });
    onDial?.(socket);
    const give = (error: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => give(proxySilent(proxy, target, ms)), ms);
    const lost = (error: unknown) => give(proxyUnreachable(error, proxy, target));
    const closed = () => lost(new Error("closed without an answer"));
    socket.on("error", lost);
    socket.on("close", closed);
    socket.on("end", closed);
    const incoming = new Incoming(socket);
    greet(socket, incoming, { target, proxy }).then(() => {
      clearTimeout(timer);
      incoming.release();
      for (const [event, listener] of [
        ["error", lost],
        ["close", closed],
        ["end", closed],
      ] as const)
        socket.off(event, listener);
      resolve(socket);
    }, give);
  });
}

interface Wanted {
  readonly target: string;
  readonly proxy: ProxyServer;
}

const version = 5;
const noLogin = 0;
const nameAndPassword = 2;
const connectCommand = 1;

async function greet(socket: Socket, incoming: Incoming, { target, proxy }: Wanted): Promise<void> {
  const methods = proxy.login === undefined ? [noLogin] : [noLogin, nameAndPassword];
  socket.write(Buffer.from([version, methods.length, ...methods]));
  const [spoken, method] = await incoming.take(2);
  if (spoken !== version) throw proxySpeaksOtherwise(proxy);
  if (!methods.includes(method!)) throw proxyWantsLogin(proxy, "no way to log in that both know");
  if (method === nameAndPassword) {
    const { username, password } = proxy.login!;
    socket.write(Buffer.concat([Buffer.from([1]), counted(username), counted(password)]));
    const [, status] = await incoming.take(2);
    if (status !== 0) throw proxyWantsLogin(proxy, "refused");
  }
  socket.write(Buffer.concat([Buffer.from([version, connectCommand, 0]), addressOf(target)]));
  const [again, reply, , type] = await incoming.take(4);
  if (again !== version) throw proxySpeaksOtherwise(proxy);
  if (reply !== 0) {
    const { says, forbids } = replies[reply!] ?? { says: `reply ${reply}` };
    throw (forbids ? proxyForbids : proxyFailed)(says, proxy, target);
  }
  // Where the proxy's own end is: of any length, and of no use to us.
  const rest = { 1: 4, 3: 0, 4: 16 }[type!];
  if (rest === undefined) throw proxySpeaksOtherwise(proxy);
  const [length = 0] = type === 3 ? await incoming.take(1) : [rest];
  await incoming.take(length + 2);
}

/** RFC 1928, 6. */
const replies: Readonly<Record<number, { readonly says: string; readonly forbids?: boolean }>> = {
  1: { says: "general failure" },
  2: { says: "not allowed by its rules", forbids: true },
  3: { says: "network unreachable" },
  4: { says: "host unreachable" },
  5: { says: "connection refused" },
  6: { says: "time to live expired" },
  7: { says: "it makes no connections", forbids: true },
  8: { says: "it does not know such addresses", forbids: true },
};

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Host and port as a request has them (RFC 1928, 5). */
function addressOf(target: string): Buffer {
  const colon = target.lastIndexOf(":");
  const host = bareHost(target.slice(0, colon));
  const port = Buffer.alloc(2);
  port.writeUInt16BE(Number(target.slice(colon + 1)));
  const family = isIP(host);
  if (family === 4) return Buffer.concat([Buffer.from([1, ...host.split(".").map(Number)]), port]);
  if (family === 6) return Buffer.concat([Buffer.from([4]), sixteenBytes(host), port]);
  return Buffer.concat([Buffer.from([3]), counted(host), port]);
}

/** An IPv6 address, as a URL writes it: groups of hexadecimal digits, and `::` once at most. */
function sixteenBytes(address: string): Buffer {
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** Bytes of a socket, so many at a time; what was not taken is there for who reads next. */
class Incoming {
  readonly #socket: Socket;
  #held = Buffer.alloc(0);
  #wake = () => {};
  readonly #read = () => {
    for (let part = this.#socket.read(); part !== null; part = this.#socket.read())
      this.#held = Buffer.concat([this.#held, part]);
    this.#wake();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("readable", this.#read);
  }

  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  release(): void {
    this.#socket.off("readable", this.#read);
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
  }
}
