import { expect, test } from "bun:test";
import { listenWithBun } from "./bun-listener.ts";
import { Connection, head } from "./connection.test-support.ts";
import { leave } from "./linger.ts";
import type { ListenOptions } from "./listener.ts";
import { listenWithNode } from "./node-listener.ts";

const listeners = { "Bun.serve": listenWithBun, "node:http": listenWithNode };

const answers: Record<string, ListenOptions["answer"]> = {
  "before its body is read": async () => new Response("denied", { status: 403 }),
  "in the middle of its body": async ({ body }) => {
    const reader = body!.getReader();
    for (let length = 0; length < 3 << 20; ) length += (await reader.read()).value!.byteLength;
    leave(body!, reader);
    return new Response("denied", { status: 403 });
  },
};

/** What a request says of its connection: on a proxy's others take their turn. */
const connections = { "for it alone": ["Connection: close"], "for many": ["X-Forwarded-For: 198.51.100.1"] };

const cases = Object.entries(listeners).flatMap(([name, listen]) =>
  Object.entries(answers).flatMap(([when, answer]) =>
    Object.entries(connections).map(
      ([which, headers]) => [name, which, when, { listen, answer, headers }] as const,
    ),
  ),
);

test.each(cases)(
  "%s: an upload over a connection %s, refused %s, can go on while the answer, which ends the connection, is on its way",
  async (_, __, ___, { listen, answer, headers }) => {
    const listener = await listen({ hostname: "127.0.0.1", port: 0, tls: undefined, answer });
    try {
      using client = new Connection(listener, head("PATCH /a", "Transfer-Encoding: chunked", ...headers));
      const chunk = `10000\r\n${"x".repeat(65536)}\r\n`;
      const send = () => new Promise((resolve) => client.socket.write(chunk, resolve));
      while (!client.received.includes("denied")) {
        await send();
        await Bun.sleep(1);
      }
      // A client that is further away hears of it later.
      for (let i = 0; i < 100; i++) {
        expect([client.socket.destroyed, client.error]).toEqual([false, undefined]);
        await send();
        await Bun.sleep(5);
      }
      expect(client.received).toStartWith("HTTP/1.1 403 ");
      // Else HAProxy 2.6 sends the next client's request where this one's body should go on.
      expect(client.received).toMatch(/^connection: close\r$/im);
      client.socket.write("0\r\n\r\n");
      await client.closed;
    } finally {
      await listener.stop(true);
    }
  },
  20_000,
);

test("whose body is here, or small, is let go at once", async () => {
  const listener = await listenWithBun({
    ...{ hostname: "127.0.0.1", port: 0, tls: undefined },
    answer: async ({ url, body }) => {
      if (url.endsWith("/read")) await new Response(body).bytes();
      return new Response("denied", { status: 403 });
    },
  });
  try {
    for (const path of ["/read", "/unread"]) {
      using client = new Connection(listener, head(`PUT ${path}`, "Content-Length: 5", "Connection: close"));
      client.socket.write("hello");
      await client.closed;
      expect(client.received).toContain("denied");
      // One whose end waits has no length.
      expect(client.received).toMatch(/^content-length: 6\r$/im);
    }
  } finally {
    await listener.stop(true);
  }
});

test("a small body that nobody read comes before its answer, and the connection serves on", async () => {
  const asked = Promise.withResolvers<void>();
  const listener = await listenWithBun({
    ...{ hostname: "127.0.0.1", port: 0, tls: undefined },
    answer: async () => {
      asked.resolve();
      return new Response("denied", { status: 403 });
    },
  });
  try {
    using client = new Connection(listener, `${head("PUT /", "Content-Length: 5", "Via: 2 proxy")}he`);
    await asked.promise;
    expect((await fetch(listener.url)).status).toBe(403);
    expect(client.received).toBe("");
    client.socket.write(`llo${head("GET /next")}`);
    await client.has(/denied[\s\S]*denied/);
    expect(client.received).not.toMatch(/^connection: close/im);
  } finally {
    await listener.stop(true);
  }
});
