import { expect, test } from "bun:test";
import { Connection, head } from "./connection.test-support.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { listenWithNode } from "./node-listener.ts";

const idleSeconds = 1;

async function listen(answer: ListenOptions["answer"]): Promise<Listener & AsyncDisposable> {
  const listener = await listenWithNode({
    ...{ hostname: "127.0.0.1", port: 0, tls: undefined },
    ...{ idleSeconds, answer },
  });
  return Object.assign(listener, { [Symbol.asyncDispose]: () => listener.stop(true) });
}

/** Pieces for as long as somebody takes them. */
function endless(onLeft: () => void): Response {
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)),
    cancel: onLeft,
  });
  return new Response(body, { headers: { "Content-Length": String(2 ** 40) } });
}

/** Two requests, so that the second comes on a connection that has waited for one. */
const second = (text: string) => head("GET /first") + text;

test("what the server itself is slow with takes as long as it takes", async () => {
  await using listener = await listen(async ({ url, body }) => {
    await new Response(body).bytes();
    if (!url.endsWith("/first")) await Bun.sleep(idleSeconds * 4000);
    return new Response("done", { headers: { "Content-Length": "4" } });
  });
  using client = new Connection(listener, second(`${head("PUT /", "Content-Length: 5")}hello`));
  await client.has(/done[\s\S]*done/);
}, 15_000);

test("a client that takes its answer slowly gets it, one that stops is let go of", async () => {
  const left: number[] = [];
  const begun = performance.now();
  await using listener = await listen(async ({ url }) =>
    url.endsWith("/first") ? new Response(null) : endless(() => left.push(performance.now() - begun)),
  );
  using slow = new Connection(listener, second(head("GET /slow")));
  slow.socket.on("data", () => {
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), 20);
  });
  using stopped = new Connection(listener, second(head("GET /stopped")));
  await stopped.has(/200 [\s\S]*200 /);
  stopped.socket.pause();
  await Bun.sleep(idleSeconds * 5000);
  expect([slow.socket.destroyed, left.length, listener.inFlight]).toEqual([false, 1, 1]);
  // It took up what the kernel holds first.
  expect(left[0]).toBeGreaterThanOrEqual(idleSeconds * 1000);
}, 15_000);

test("an answer that was sent whole and that nobody takes is let go of", async () => {
  const size = 64 << 20;
  await using listener = await listen(
    async () => new Response(new Uint8Array(size), { headers: { "Content-Length": String(size) } }),
  );
  using client = new Connection(listener, head("GET /"));
  client.socket.pause();
  while (listener.inFlight === 0) await Bun.sleep(2);
  while (listener.inFlight > 0) await Bun.sleep(20);
}, 10_000);

test("a body that comes slowly is read to its end, one that stops cuts the connection", async () => {
  await using listener = await listen(async ({ url, body }) => {
    if (url.endsWith("/refused"))
      return new Response("no", { status: 404, headers: { "Content-Length": "2" } });
    return new Response(body && `${(await new Response(body).bytes()).byteLength} bytes`);
  });
  for (const path of ["/wanted", "/refused"]) {
    using slow = new Connection(listener, second(`${head(`PUT ${path}`, "Content-Length: 21")}.`));
    const begun = performance.now();
    using stopped = new Connection(listener, second(`${head(`PUT ${path}`, "Content-Length: 21")}.`));
    void stopped.closed.then(() => expect(performance.now() - begun).toBeGreaterThan(idleSeconds * 900));
    for (let sent = 0; sent < 20; sent++) {
      await Bun.sleep(idleSeconds * 150);
      slow.socket.write(".");
    }
    await stopped.closed;
    if (path === "/refused") await slow.closed;
    else slow.socket.write(head("GET /behind"));
    await slow.has(path === "/wanted" ? /21 bytes[\s\S]*200/ : /200[\s\S]*404[\s\S]*no/);
    expect(slow.error).toBeUndefined();
  }
  expect(listener.inFlight).toBe(0);
}, 20_000);
