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

const cases = Object.entries(listeners).flatMap(([name, listen]) =>
  Object.entries(answers).map(([when, answer]) => [name, when, listen, answer] as const),
);

test.each(cases)(
  "%s: an upload over a connection for it alone, refused %s, can go on while the answer is on its way",
  async (_, __, listen, answer) => {
    const listener = await listen({ hostname: "127.0.0.1", port: 0, tls: undefined, answer });
    try {
      using client = new Connection(
        listener,
        head("PATCH /a", "Transfer-Encoding: chunked", "Connection: close"),
      );
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
