import { expect, test } from "bun:test";
import { listenWithBun } from "./bun-listener.ts";
import { Connection, head } from "./connection.test-support.ts";
import { listenWithNode } from "./node-listener.ts";

test.each([
  ["Bun", listenWithBun],
  ["node", listenWithNode],
])("who broke off is known afterwards, for the log: %s", async (_, listen) => {
  const told = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  const listener = await listen({
    ...{ hostname: "127.0.0.1", port: 0, tls: undefined },
    answer: async ({ body }, remote) => {
      const reader = body!.getReader();
      await reader.read();
      begun.resolve();
      await reader.read().catch(() => {});
      told.resolve(remote);
      return new Response(null);
    },
  });
  try {
    using client = new Connection(listener, `${head("PUT /", "Content-Length: 5")}he`);
    await begun.promise;
    client.socket.destroy();
    expect(await told.promise).toBe("127.0.0.1");
  } finally {
    await listener.stop(true);
  }
});
