import { createServer, connect as dial, type Socket } from "node:net";
import { HttpWire, type Message } from "./http-wire.ts";
import { listenOnLoopback, OpenSockets } from "./loopback.ts";

/** What befalls one exchange. Offsets count bytes of the body; a body that is shorter is met at its end. */
export type Fault =
  /** The proxy answers in the registry's place, once `after` bytes of the request's body have come. */
  | { readonly answer: number; readonly headers?: Record<string, string>; readonly after?: number }
  /** Both connections end there, with a reset. */
  | { readonly cut: "request" | "answer"; readonly at: number }
  /** From there on no byte moves any more; the connections stay. */
  | { readonly stall: "request" | "answer"; readonly at: number }
  /** From there on the request's bytes pass slowly: what comes at once, up to 64 KiB, so many milliseconds after the last. */
  | { readonly slow: number | (() => number); readonly at: number }
  /** One byte arrives as another. */
  | { readonly damage: "request" | "answer"; readonly at: number }
  /** The answer waits. */
  | { readonly delay: number }
  /** The answer's headers are others; the bytes stay. */
  | { readonly rewrite: Record<string, string | ((value: string) => string)> };

export interface Exchange {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Bytes of the request's body. */
  readonly length: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of it that have come so far; of a chunked one with what frames them. */
  readonly passed: number;
  /** What the registry answered, once it has. */
  readonly answer?: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
}

/** Decides for each request; `count` is how often a fault was chosen for this method and path before. */
export interface Plan {
  (exchange: Exchange, count: number): Fault | undefined;
  /** Whether a client meets silence: bytes that stop, or fewer than were promised. */
  readonly silent?: boolean;
}

/** The fault for the first `times` of everything that fits. */
export const first = (
  times: number,
  fits: (exchange: Exchange) => boolean,
  ...faults: ReturnType<Plan>[]
): Plan => {
  const plan = (exchange: Exchange, count: number) =>
    count < times && fits(exchange) ? faults[count % faults.length] : undefined;
  const silent = faults.some((fault) => fault && ("stall" in fault || "rewrite" in fault));
  return Object.assign(plan, { silent });
};

export const always = (fits: (exchange: Exchange) => boolean, ...faults: ReturnType<Plan>[]): Plan =>
  first(Number.POSITIVE_INFINITY, fits, ...faults);

/** How long a client waits: not long where waiting is what is tested; elsewhere a machine may be busy. */
export const patience = ({ silent }: Plan) =>
  silent ? { stallMs: 500, answerMs: 2000 } : { stallMs: 20_000, answerMs: 20_000 };

export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly seen: Exchange[];
  /** Faults that were carried out. */
  faults: number;
  plan: Plan;
  /** Where the registry is now. */
  target: string;
}

/** Stands on a socket of its own before a registry, hands everything on as it is, and harms what the plan says. */
export async function startFaultProxy(target: string, plan: Plan = () => undefined): Promise<FaultProxy> {
  const open = new OpenSockets();
  const counts = new Map<string, number>();
  const server = createServer((client) => {
    void serveClient(open.keep(client)).catch(() => client.resetAndDestroy());
  });
  const host = await listenOnLoopback(server);

  async function serveClient(client: Socket): Promise<void> {
    const wire = new HttpWire(client);
    const held: Held = {};
    // Who goes away takes the connection along, as without a proxy.
    client.once("close", () => held.upstream?.destroy());
    for (let request = await wire.head(); request; request = await wire.head()) {
      const [method = "", path = ""] = request.first.split(" ");
      const exchange: Relayed["exchange"] = {
        ...{ method, path, length: request.length ?? 0, headers: request.headers, passed: 0 },
      };
      proxy.seen.push(exchange);
      const key = `${method} ${path.replace(/uploads\/.*/, "uploads/")}`;
      const fault = proxy.plan(exchange, counts.get(key) ?? 0);
      if (fault) {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        proxy.faults++;
      }
      if (!(await relay(client, { wire, request, fault, exchange, held }))) return;
    }
    client.end();
  }

  /** One exchange; whether another one may follow on the connection. */
  async function relay(client: Socket, { wire, request, fault, exchange, held }: Relayed): Promise<boolean> {
    if (fault && "answer" in fault) {
      const wanted = Math.min(fault.after ?? wholeOf(request), wholeOf(request));
      let read = 0;
      if (wanted > 0)
        for await (const part of wire.body(request)) {
          read += part.length;
          if (read >= wanted) break;
        }
      const fields = Object.entries({ "Content-Length": "0", ...fault.headers, Connection: "close" });
      client.end(
        `HTTP/1.1 ${fault.answer} Faulty\r\n${fields.map(([k, v]) => `${k}: ${v}\r\n`).join("")}\r\n`,
      );
      return false;
    }
    const [host, port] = proxy.target.split(":");
    const upstream = open.keep(dial(Number(port), host));
    held.upstream = upstream;
    const reset = () => {
      upstream.resetAndDestroy();
      client.resetAndDestroy();
      return false;
    };
    const far = new HttpWire(upstream);
    upstream.write(headOf(request, { Connection: "close" }));
    const harmOf = (side: "request" | "answer") => (fault && sideOf(fault) === side ? fault : undefined);
    const sent = send(counted(wire.body(request), exchange), upstream, harmOf("request"));
    const early = far.head();
    const outcome = await Promise.race([sent, early.then((head) => (head ? "answered" : "closed"))]);
    // A request that came through whole is carried out: only its answer is lost.
    const isWhole = fault && "cut" in fault && fault.cut === "request" && fault.at >= wholeOf(request);
    if (outcome === "cut" && isWhole) await Promise.race([early, Bun.sleep(5000)]);
    if (outcome === "cut" || outcome === "closed") return reset();
    if (outcome === "stalled") return await new Promise<boolean>(() => {});
    const answer = await early;
    if (!answer) return reset();
    exchange.answer = { status: Number(answer.first.split(" ")[1]), headers: answer.headers };
    if (fault && "delay" in fault) await Bun.sleep(fault.delay);
    const hasBody = exchange.method !== "HEAD" && !/ (?:204|304) /.test(answer.first);
    const stays = outcome === "done" && (!hasBody || answer.length !== undefined);
    const headers: Record<string, string> = { Connection: stays ? "keep-alive" : "close" };
    if (fault && "rewrite" in fault)
      for (const [name, change] of Object.entries(fault.rewrite))
        headers[name] =
          typeof change === "string" ? change : change(answer.headers[name.toLowerCase()] ?? "");
    client.write(headOf(answer, headers));
    const body = hasBody ? far.body(answer, true) : [];
    const ended = await send(body, client, harmOf("answer"));
    if (ended === "cut") return reset();
    if (ended === "stalled") return await new Promise<boolean>(() => {});
    upstream.destroy();
    if (!stays) client.end();
    return stays;
  }

  const proxy: FaultProxy = {
    host,
    seen: [],
    faults: 0,
    plan,
    target,
    [Symbol.asyncDispose]: async () => {
      open.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Bytes of a request's body; of a stream nobody knows, and none has as many as this. */
const wholeOf = ({ length, isChunked }: Message) => (isChunked ? 1e9 : (length ?? 0));

interface Relayed {
  readonly wire: HttpWire;
  readonly request: Message;
  readonly fault: Fault | undefined;
  readonly exchange: { -readonly [Name in keyof Exchange]: Exchange[Name] };
  readonly held: Held;
}

/** The registry's side of a client's connection. */
interface Held {
  upstream?: Socket;
}

async function* counted(body: AsyncIterable<Buffer>, exchange: { passed: number }): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    exchange.passed += chunk.length;
    yield chunk;
  }
}

function sideOf(fault: Fault): "request" | "answer" | undefined {
  if ("cut" in fault) return fault.cut;
  if ("stall" in fault) return fault.stall;
  if ("slow" in fault) return "request";
  return "damage" in fault ? fault.damage : undefined;
}

function headOf({ first, fields }: Message, changed: Record<string, string>): string {
  const names = new Set(Object.keys(changed).map((name) => name.toLowerCase()));
  const kept = fields.filter(
    ([name]) => !names.has(name.toLowerCase()) && name.toLowerCase() !== "keep-alive",
  );
  const lines = [...kept, ...Object.entries(changed)].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${first}\r\n${lines.join("")}\r\n`;
}

async function send(
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  to: Socket,
  fault: Fault | undefined,
): Promise<"done" | "cut" | "stalled"> {
  const at = fault && "at" in fault ? fault.at : Number.POSITIVE_INFINITY;
  const stops = fault !== undefined && ("cut" in fault || "stall" in fault);
  const slow = fault && "slow" in fault ? fault.slow : undefined;
  const how = fault && "cut" in fault ? "cut" : "stalled";
  let passed = 0;
  for await (const chunk of body) {
    let part = chunk;
    if (stops && passed + chunk.length > at) part = chunk.subarray(0, at - passed);
    else if (slow !== undefined) {
      if (passed >= at) await Bun.sleep(typeof slow === "number" ? slow : slow());
    } else if (at >= passed && at < passed + chunk.length) {
      part = Buffer.from(chunk);
      part[at - passed]! ^= 0x20;
    }
    passed += part.length;
    if (to.destroyed) return "cut";
    if (part.length > 0 && !to.write(part)) await room(to);
    if (part.length < chunk.length) {
      // What was let through shall arrive before the end does.
      await flushed(to);
      return how;
    }
  }
  if (!stops) return "done";
  await flushed(to);
  return how;
}

function room(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      socket.off("drain", go).off("close", go);
      resolve();
    };
    socket.on("drain", go).on("close", go);
  });
}

async function flushed(socket: Socket): Promise<void> {
  while (socket.writableLength > 0 && !socket.destroyed) await Bun.sleep(1);
  await Bun.sleep(20);
}
