import { expect, test } from "bun:test";
import { Connection, head } from "./connection.test-support.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { listenWithNode } from "./node-listener.ts";

type Answer = ListenOptions["answer"];

async function listen(answer: Answer): Promise<Listener & AsyncDisposable> {
  const listener = await listenWithNode({ hostname: "127.0.0.1", port: 0, tls: undefined, answer });
  return Object.assign(listener, { [Symbol.asyncDispose]: () => listener.stop(true) });
}

const answered = (text: string, status: number) =>
  new Response(text, { status, headers: { "Content-Length": String(text.length) } });

test("an address that is taken is an error with its code", async () => {
  await using first = await listen(async () => new Response());
  const port = Number(first.url.port);
  const again = listenWithNode({
    ...{ hostname: "127.0.0.1", port },
    tls: undefined,
    answer: async () => new Response(),
  });
  await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("the target comes as it was written, headers that are repeated are joined, the address is the client's", async () => {
  await using listener = await listen(async ({ method, url, headers, body }, remote) =>
    Response.json([method, url, headers.get("x-a"), body, remote]),
  );
  using client = new Connection(
    listener,
    head("GET /a/../%2e%2e//b?c=%41", "X-A: 1", "X-A: 2", "Connection: close"),
  );
  await client.closed;
  expect(JSON.parse(/\[.*\]/.exec(client.received)![0])).toEqual([
    ...["GET", "http://registry/a/../%2e%2e//b?c=%41", "1, 2", null, "127.0.0.1"],
  ]);
});

test("of a body that nobody reads little is taken before the answer, which ends the connection when all has come", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  await using listener = await listen(async ({ body }) => {
    const reader = body!.getReader();
    await reader.read();
    await go;
    await reader.cancel();
    return new Response("enough", { status: 400 });
  });
  const size = 64 << 20;
  using client = new Connection(listener, head("PUT /first", `Content-Length: ${size}`));
  const piece = Buffer.alloc(1 << 20);
  for (let i = 0; i < 64; i++) client.socket.write(piece);
  // What the kernel holds of a connection of its own machine is less than 10 MiB.
  for (let before = -1; before !== client.socket.writableLength; await Bun.sleep(100))
    before = client.socket.writableLength;
  expect(client.socket.writableLength).toBeGreaterThan(48 << 20);
  resolve();
  await client.has(/400 [\s\S]*connection: close\r[\s\S]*enough/i);
  await client.closed;
  expect([client.error, client.socket.writableLength]).toEqual([undefined, 0]);
});

test("who waits to be asked for a body is asked only when it is read", async () => {
  await using listener = await listen(async ({ url, body }) => {
    if (!url.endsWith("/wanted")) return answered("no", 404);
    let length = 0;
    for await (const chunk of body!) length += chunk.byteLength;
    return new Response(`${length}`, { status: 201 });
  });
  const waits = ["Content-Length: 5", "Expect: 100-continue"];
  using refused = new Connection(listener, head("PUT /not", ...waits));
  await refused.has(/\r\n\r\nno$/);
  expect(refused.received).toStartWith("HTTP/1.1 404 ");
  expect(refused.received).toContain("Connection: close");
  using wanted = new Connection(listener, head("PUT /wanted", ...waits));
  await wanted.has(/^HTTP\/1.1 100 /);
  wanted.socket.write("hello");
  await wanted.has(/201 [\s\S]*\r\n5\r\n/);
});

test("a refusal reaches who sends the body all the same, and nothing behind the body is answered", async () => {
  const seen: string[] = [];
  await using listener = await listen(async ({ url }) => {
    seen.push(url);
    // Longer than clients wait for the answer to Expect.
    await Bun.sleep(50);
    return answered("no", 404);
  });
  const size = 16 << 20;
  for (const said of ["Expect: 100-continue", "Connection: close"]) {
    using client = new Connection(listener, head("PUT /refused", `Content-Length: ${size}`, said));
    await client.has(said.startsWith("Expect") ? /^/ : /no$/);
    for (let i = 0; i < 16; i++) client.socket.write(Buffer.alloc(1 << 20));
    client.socket.write(head("GET /behind"));
    await client.closed;
    expect([client.error, client.received.match(/HTTP\/1.1 \d+|no$/g)]).toEqual([
      undefined,
      ["HTTP/1.1 404", "no"],
    ]);
  }
  expect(new Set(seen)).toEqual(new Set(["http://registry/refused"]));
});

test("who was refused and sends nothing is let go of", async () => {
  await using listener = await listen(async () => answered("no", 404));
  using client = new Connection(listener, head("PUT /", "Content-Length: 5", "Expect: 100-continue"));
  await client.closed;
  expect([client.error, client.received]).toEqual([undefined, expect.stringMatching(/ 404 [\s\S]*no$/)]);
  expect(listener.inFlight).toBe(0);
});

test("who waits to be asked for a body that is none may ask again; a tunnel is refused", async () => {
  await using listener = await listen(async () => answered("yes", 200));
  using client = new Connection(
    listener,
    head("GET /", "Expect: 100-continue") + head("GET /", "Connection: close"),
  );
  await client.closed;
  expect(client.received.match(/yes/g)).toHaveLength(2);
  using tunnel = new Connection(listener, head("CONNECT example.com:443"));
  await tunnel.closed;
  expect(tunnel.received).toStartWith("HTTP/1.1 405 ");
});

test("a stream has its length; one that fails cuts the connection, one that nobody waits for is cancelled", async () => {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  await using listener = await listen(async ({ url }) => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1 << 16;
        if (url.endsWith("/fails") && sent > 1 << 20) controller.error(new Error("no more"));
        else if (url.endsWith("/ends") && sent > 1 << 20) controller.close();
        else controller.enqueue(new Uint8Array(1 << 16));
      },
      cancel: () => resolve(),
    });
    return new Response(body, {
      headers: { "Content-Length": String(url.endsWith("/endless") ? 2 ** 40 : 1 << 20) },
    });
  });
  const whole = await fetch(`${listener.url}ends`);
  expect(whole.headers.get("content-length")).toBe(String(1 << 20));
  expect((await whole.bytes()).byteLength).toBe(1 << 20);
  const head = await fetch(`${listener.url}ends`, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(String(1 << 20));
  const fails = await fetch(`${listener.url}fails`, { headers: { Connection: "close" } });
  expect(fails.status).toBe(200);
  const left = new AbortController();
  const endless = await fetch(`${listener.url}endless`, { signal: left.signal });
  await endless.body!.getReader().read();
  left.abort();
  await cancelled;
});

test("a body that is not as long as was said reaches into no other answer", async () => {
  const lengths: Record<string, number> = {
    "/short": 3,
    "/long": 9,
    "/long-stream": 1 << 20,
    "/short-stream": 5,
  };
  await using listener = await listen(async ({ url }) => {
    const path = url.slice("http://registry".length);
    const bytes = new Uint8Array(lengths[path] ?? 5).fill(97);
    const stream = new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 3; i++) {
          await Bun.sleep(1);
          controller.enqueue(bytes.slice());
        }
        controller.close();
      },
    });
    const headers = { "Content-Length": path.includes("stream") ? "16" : "5" };
    return new Response(path.includes("stream") ? stream : bytes, { headers });
  });
  for (const path of Object.keys(lengths)) {
    using client = new Connection(listener, head(`GET ${path}`) + head("GET /next"));
    await client.closed;
    expect([path, client.received.match(/HTTP/g)?.length ?? 0]).not.toEqual([path, 2]);
    expect(/\r\n\r\n(.*)/.exec(client.received)?.[1]?.length ?? 0).toBeLessThanOrEqual(16);
  }
  using client = new Connection(listener, head("GET /right") + head("GET /next"));
  await client.has(/aaaaaHTTP[\s\S]*aaaaa$/);
});

test("requests that were sent ahead are answered one after the other, a body among them ends the connection", async () => {
  let now = 0;
  let most = 0;
  await using listener = await listen(async ({ url, body }) => {
    most = Math.max(most, ++now);
    await new Response(body).bytes();
    if (url.includes("slow")) await Bun.sleep(20);
    now--;
    return answered(`<${url.slice(url.lastIndexOf("/") + 1)}>`, 200);
  });
  const gets = (...names: string[]) => names.map((name) => head(`GET /${name}`)).join("");
  const put = (name: string) => `${head(`PUT /${name}`, "Content-Length: 5")}hello`;
  using client = new Connection(listener, put("slow1") + gets("2", "slow3", "4", "5"));
  await client.has(/<5>/);
  using bodies = new Connection(listener, gets("slow1") + put("2") + gets("3"));
  await bodies.closed;
  expect([client, bodies].map(({ received }) => received.match(/<\w+>/g)?.join(""))).toEqual([
    "<slow1><2><slow3><4><5>",
    "<slow1>",
  ]);
  expect(most).toBe(1);
});

test("who has all of an answer may send a body, whatever the answer still waits for", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  await using listener = await listen(async ({ body }) => {
    if (body) return answered(`<${(await new Response(body).bytes()).byteLength}>`, 201);
    const late = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("whole")),
      pull: () => go,
    });
    return new Response(late, { headers: { "Content-Length": "5" } });
  });
  using client = new Connection(listener, head("GET /"));
  await client.has(/whole$/);
  client.socket.write(head("PUT /", "Content-Length: 1048576"));
  await Bun.sleep(20);
  client.socket.write(Buffer.alloc(1 << 20));
  await client.has(/<1048576>/);
  resolve();
});

test("of answers that nobody takes one is made, and too many requests for them end the connection", async () => {
  let made = 0;
  await using listener = await listen(async () => {
    made++;
    return new Response(new Uint8Array(16 << 20), { headers: { "Content-Length": String(16 << 20) } });
  });
  using client = new Connection(listener, head("GET /").repeat(20));
  client.socket.pause();
  await Bun.sleep(300);
  expect(made).toBe(1);
  expect(listener.inFlight).toBe(20);
  client.socket.write(head("GET /").repeat(200));
  while (listener.inFlight > 0) await Bun.sleep(10);
  expect(made).toBe(1);
});

test("stopping ends what waits, lets what is being answered finish, and closes its connection", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const listener = await listen(async () => {
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("begun "));
        await go;
        controller.enqueue(new TextEncoder().encode("ended"));
        controller.close();
      },
    });
    return new Response(body);
  });
  using halfway = new Connection(listener, "GET / HTTP/1.1\r\nHo");
  using client = new Connection(listener, head("GET /"));
  await client.has(/begun/);
  expect(listener.inFlight).toBe(1);
  const stopped = listener.stop(false);
  await expect(fetch(listener.url)).rejects.toThrow();
  expect(client.received).not.toContain("ended");
  resolve();
  await client.closed;
  expect(client.received).toContain("ended");
  await Promise.all([stopped, halfway.closed]);
  expect(listener.inFlight).toBe(0);
});

test("stopping cuts no answer short that a slow client still reads", async () => {
  const size = 32 << 20;
  const listener = await listen(
    async () =>
      new Response(new Blob([new Uint8Array(size)]), { headers: { "Content-Length": String(size) } }),
  );
  using client = new Connection(listener, head("GET /"));
  client.socket.pause();
  let length = 0;
  client.socket.removeAllListeners("data").on("data", (data: Buffer) => {
    length += data.byteLength;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 1);
  });
  client.socket.resume();
  while (length === 0) await Bun.sleep(2);
  await listener.stop(false);
  await client.closed;
  expect(length).toBeGreaterThan(size);
});

test("stopping by force cuts what is being answered", async () => {
  const listener = await listen(() => new Promise<Response>(() => {}));
  using client = new Connection(listener, head("GET /"));
  while (listener.inFlight === 0) await Bun.sleep(2);
  const stopped = listener.stop(false);
  await listener.stop(true);
  await stopped;
  await client.closed;
  expect(client.received).toBe("");
});
