import { expect, test } from "bun:test";
import { splitURL } from "../handler.ts";
import { listenWithBun } from "./bun-listener.ts";
import { Connection, head } from "./connection.test-support.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { listenWithNode } from "./node-listener.ts";

const behind = head("GET /behind");
const chunked = "Transfer-Encoding: chunked";
const post = (headers: string[], body: string) => head("POST /first", ...headers) + body + behind;

/** Requests that two servers could take to end in different places (CWE-444). */
const ambiguous: Record<string, string> = {
  "both framings": post(["Content-Length: 4", chunked], "0\r\n\r\n"),
  "both, the other way round": post([chunked, "Content-Length: 4"], "0\r\n\r\n"),
  "two lengths": post(["Content-Length: 5", "Content-Length: 0"], "hello"),
  "a list of lengths": post(["Content-Length: 5, 5"], "hello"),
  "a signed length": post(["Content-Length: +5"], "hello"),
  "a length beyond 64 bits": post(["Content-Length: 18446744073709551621"], "hello"),
  "no coding and a length": post(["Transfer-Encoding: ", "Content-Length: 5"], "hello"),
  "another coding": post(["Transfer-Encoding: xchunked"], "0\r\n\r\n"),
  "another coding before": post(["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"),
  "another coding behind": post(["Transfer-Encoding: chunked, identity"], "0\r\n\r\n"),
  "chunked twice": post([chunked, chunked], "0\r\n\r\n"),
  "a space before the colon": post(["Transfer-Encoding : chunked"], "0\r\n\r\n"),
  "a folded header": post(["Transfer-Encoding:\r\n chunked"], "0\r\n\r\n"),
  "a header that ends in LF": post(["X-A: 1\nContent-Length: 5"], "hello"),
  "a CR in a value": post(["X-A: 1\rContent-Length: 5"], "hello"),
  "a NUL in a value": post(["Content-Length: 5\0"], "hello"),
  "a chunk's line that ends in LF": post([chunked], "5;a\nhello\r\n0\r\n\r\n"),
  "a chunk without its end": post([chunked], "5\r\nhelloXX0\r\n\r\n"),
  "a chunk beyond 64 bits": post([chunked], "10000000000000005\r\nhello\r\n0\r\n\r\n"),
  "a request where trailers are": post([chunked], "0\r\n"),
};

const listeners = { "Bun.serve": listenWithBun, "node:http": listenWithNode };
for (const [name, listen] of Object.entries(listeners)) {
  const serve = async (answer: ListenOptions["answer"]): Promise<Listener & AsyncDisposable> => {
    const listener = await listen({ hostname: "127.0.0.1", port: 0, tls: undefined, answer });
    return Object.assign(listener, { [Symbol.asyncDispose]: () => listener.stop(true) });
  };

  test(`${name}: behind a request whose end is unclear nothing is answered`, async () => {
    const seen: string[] = [];
    await using listener = await serve(async ({ url, body }) => {
      seen.push(splitURL(url).path);
      await new Response(body).bytes().catch(() => {});
      return new Response(null);
    });
    for (const [what, text] of Object.entries(ambiguous)) {
      using client = new Connection(listener, text);
      await client.closed;
      // Bun.serve sees the end of chunks before what is wrong behind them.
      expect([what, client.received.match(/HTTP\/1.1 [45]\d\d/g)?.length]).toEqual([what, 1]);
    }
    expect(seen).not.toContain("/behind");
  });

  test(`${name}: a length that is said twice is one`, async () => {
    await using listener = await serve(
      async ({ body }) => new Response(body && `got ${await new Response(body).text()}`),
    );
    const twice = ["Content-Length: 5", "Content-Length: 5"];
    using client = new Connection(listener, post(twice, "hello"));
    await client.has(/got hello[\s\S]*HTTP\/1.1 200/);
  });

  test(`${name}: the path is that of the target, whatever else names a server`, async () => {
    await using listener = await serve(async ({ url }) => new Response(`<${splitURL(url).path}>`));
    const cases: [target: string, host: string, path: string][] = [
      ["/v2/a", "x:80", "/v2/a"],
      ["http://other/v2/a?b=http://c/d", "x", "/v2/a"],
      ["HTTPS://other:5000/v2/a", "x", "/v2/a"],
      ["http://other", "x", "/"],
      // Bun.serve names no server then.
      ["/hidden/v2/a", "a/b", "/hidden/v2/a"],
      ["/v2/a?b=://c/d", "a b", "/v2/a"],
      ["/v2/a", "", "/v2/a"],
    ];
    for (const [target, host, path] of cases) {
      using client = new Connection(
        listener,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      await client.closed;
      expect([target, /<.*>/.exec(client.received)?.[0]]).toEqual([target, `<${path}>`]);
    }
  });
}
