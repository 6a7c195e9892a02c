import { expect, test } from "bun:test";
import { digestOf, fresh, type Served } from "./served.ts";
import { cut, raw } from "./socket.ts";

/** Connections that end early, and lengths that lie. */
export function testBroken(served: Served): void {
  const { call, begin } = served;

  test("a connection that ends early keeps what came, and the upload goes on", async () => {
    const location = await begin("blobs/cut");
    await cut(served.port, `PATCH ${location}`, 1_000_000, "a".repeat(1000));
    // The server learns of the end when it next reads.
    let received = 0;
    for (let i = 0; i < 100 && received === 0; i++) {
      await Bun.sleep(10);
      received = Number((await call(location)).headers.get("range")!.slice(2));
    }
    expect(received).toBe(999);
    const content = "a".repeat(1000) + "b".repeat(10);
    let patched: Response;
    do {
      patched = await call(location, {
        method: "PATCH",
        body: "b".repeat(10),
        headers: { "Content-Range": "1000-1009" },
      });
    } while (patched.status === 429);
    expect(patched.status).toBe(202);
    expect((await call(`${location}?digest=${digestOf(content)}`, { method: "PUT" })).status).toBe(201);
    expect(await (await call(`/v2/blobs/cut/blobs/${digestOf(content)}`)).text()).toBe(content);
  });

  test("a whole blob cut short is not there", async () => {
    const content = fresh(5000);
    const target = `POST /v2/blobs/cut/blobs/uploads/?digest=${digestOf(content)}`;
    await cut(served.port, target, 5000, content.slice(0, 2500));
    expect((await call(`/v2/blobs/cut/blobs/${digestOf(content)}`)).status).toBe(404);
  });

  test("a Content-Length that lies: what is beyond it is no content, two lengths are none", async () => {
    const target = `POST /v2/lies/blobs/uploads/?digest=${digestOf("hello")}`;
    const answers = async (headers: string, body: string) =>
      [...(await raw(served.port, target, `${headers}\r\n\r\n${body}`)).matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(
        ([, status]) => status,
      );
    const beyond = "hello, and what is beyond the length";
    // What is beyond is refused as a request of its own: which answer comes first is up to the parser.
    const statuses = new Set(await answers("Content-Length: 5\r\nConnection: close", beyond));
    expect(statuses.difference(new Set(["201", "400"])).size).toBe(0);
    const stored = await call(`/v2/lies/blobs/${digestOf("hello")}`);
    expect(stored.status === 404 || (await stored.text()) === "hello").toBe(true);
    const chunked = "Transfer-Encoding: chunked";
    for (const headers of [
      `Content-Length: 5\r\n${chunked}`,
      "Content-Length: 5\r\nContent-Length: 6",
      "Content-Length: -5",
      chunked,
    ])
      expect(await answers(headers, "ZZ\r\nhello\r\n0\r\n\r\n")).toEqual(["400"]);
  });
}
