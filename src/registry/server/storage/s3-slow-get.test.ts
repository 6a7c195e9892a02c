import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { getSlowly } from "./s3-slow-get.ts";

/** A server that answers each connection's first request with what `answer` writes. */
async function serve(answer: (socket: Socket, path: string) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", (data) => answer(socket, String(data).split(" ")[1]!));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const never = new AbortController().signal;

test("status, headers and bytes are the server's; a redirect is not followed, a body cut short fails", async () => {
  using server = await serve((socket, path) => {
    if (path === "/moved")
      socket.end("HTTP/1.1 307 Moved\r\nLocation: /whole\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else if (path === "/whole")
      socket.end('HTTP/1.1 206 Partial\r\nETag: "x"\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello');
    else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  });
  const whole = await getSlowly(`${server.url}/whole`, {}, never);
  expect([whole.status, whole.headers.get("etag"), await whole.text()]).toEqual([206, '"x"', "hello"]);
  expect((await getSlowly(`${server.url}/moved`, {}, never)).status).toBe(307);
  const cut = await getSlowly(`${server.url}/cut`, {}, never);
  await expect(cut.text()).rejects.toThrow();
});

test("who stops reading stops the server; who cancels leaves it", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  using server = await serve((socket) => {
    socket.on("close", () => resolve());
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n`);
    socket.write(Buffer.alloc(64 << 20));
    waiting = socket.writableLength;
    setInterval(() => {
      waiting = socket.writableLength;
    }, 10).unref();
  });
  const { body } = await getSlowly(server.url, {}, never);
  const reader = body!.getReader();
  await reader.read();
  await Bun.sleep(200);
  // The rest is with the kernel, which holds less than 10 MiB of a connection of its own machine.
  expect(waiting).toBeGreaterThan(48 << 20);
  await reader.cancel();
  await closed;
});

test("a server that stops is given up, one that nobody asks for more is not", async () => {
  const size = 32 << 20;
  using server = await serve((socket, path) => {
    if (path === "/nothing") return;
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(path === "/stops" ? 5 : size));
  });
  await expect(getSlowly(`${server.url}/nothing`, {}, never, 300)).rejects.toThrow("nothing any more");
  const stops = await getSlowly(`${server.url}/stops`, {}, never, 300);
  await expect(stops.bytes()).rejects.toThrow("before the body did");
  const goesOn = await getSlowly(`${server.url}/all`, {}, never, 300);
  let length = 0;
  for await (const chunk of goesOn.body!) {
    if (length === 0) await Bun.sleep(1000);
    length += chunk.byteLength;
  }
  expect(length).toBe(size);
});

test("an answer that does not begin is given up when it is said so", async () => {
  using server = await serve(() => {});
  const stop = new AbortController();
  const answer = getSlowly(server.url, {}, stop.signal);
  setTimeout(() => stop.abort(new Error("long enough")), 20);
  await expect(answer).rejects.toThrow("long enough");
});
