import { expect, test } from "bun:test";
import { connect } from "node:net";
import { Registry } from "./index.ts";

/**
 * Sends bytes over one connection, each time until so many answers are there in all, and gives what came back. A while of
 * quiet after them lets an answer too many be seen.
 */
async function talk(registry: Registry, ...sent: readonly (readonly [string, number])[]): Promise<string> {
  const socket = connect(registry.port, "127.0.0.1");
  let got = "";
  let last = performance.now();
  socket.on("data", (data) => {
    got += data.toString("latin1");
    last = performance.now();
  });
  socket.on("error", () => {});
  for (const [bytes, answers] of sent) {
    const written = performance.now();
    socket.write(bytes, "latin1");
    while (statuses(got).length < answers && performance.now() - written < 10_000 && !socket.destroyed)
      await Bun.sleep(5);
    last = performance.now();
    while (performance.now() - last < 60 && !socket.destroyed) await Bun.sleep(5);
  }
  socket.destroy();
  return got;
}
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
const head = (line: string, ...fields: string[]) =>
  `${[line, "Host: registry", ...fields].join("\r\n")}\r\n\r\n`;
const digestOf = (text: string) => `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

test("the base is there with and without its slash, and HEAD has the length of GET", async () => {
  await using registry = await Registry.start();
  for (const path of ["/v2", "/v2/"]) {
    const both = head(`HEAD ${path} HTTP/1.1`) + head(`GET ${path} HTTP/1.1`, "Connection: close");
    const answer = await talk(registry, [both, 2]);
    // Two answers on one connection, and only one body.
    expect(statuses(answer)).toEqual([200, 200]);
    expect(answer.match(/Content-Length: 2\r\n/gi)).toHaveLength(2);
    expect(answer.match(/\{\}/g)).toHaveLength(1);
  }
});

test("a GET may have a body, which is not read for another request", async () => {
  await using registry = await Registry.start();
  const body = "blablabla";
  const get = head("GET /v2/a/manifests/sha256:none HTTP/1.1", `Content-Length: ${body.length}`) + body;
  const answer = await talk(registry, [get, 1], [head("GET /v2/a/manifests/none HTTP/1.1") + get, 3]);
  expect(statuses(answer)).toEqual([400, 404, 400]);
  expect(answer.match(/"code":"[A-Z_]+"/g)).toEqual([
    '"code":"DIGEST_INVALID"',
    '"code":"MANIFEST_UNKNOWN"',
    '"code":"DIGEST_INVALID"',
  ]);
});

test("405 and OPTIONS name the methods", async () => {
  await using registry = await Registry.start();
  for (const [path, methods] of [
    ["/v2/", "GET, HEAD, OPTIONS"],
    ["/v2/a/tags/list", "GET, HEAD, OPTIONS"],
    ["/v2/a/manifests/1", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["/v2/a/blobs/uploads/", "POST, OPTIONS"],
  ]) {
    const refused = await fetch(new URL(path!, registry.url), { method: "PURGE" });
    expect([path, refused.status, refused.headers.get("allow")]).toEqual([path, 405, methods!]);
    const asked = await fetch(new URL(path!, registry.url), { method: "OPTIONS" });
    expect([asked.status, asked.headers.get("allow")]).toEqual([204, methods!]);
  }
});

test("an upload comes with a length, in chunks, and after 100 Continue", async () => {
  await using registry = await Registry.start();
  const post = `POST /v2/a/blobs/uploads/?digest=${digestOf("hello")} HTTP/1.1`;
  expect(statuses(await talk(registry, [`${head(post, "Content-Length: 5")}hello`, 1]))).toEqual([201]);
  const chunked = `${head(post, "Transfer-Encoding: chunked")}2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`;
  expect(statuses(await talk(registry, [chunked, 1]))).toEqual([201]);
  const expects = head(post, "Content-Length: 5", "Expect: 100-continue");
  expect(statuses(await talk(registry, [expects, 1], ["hello", 2]))).toEqual([100, 201]);
});

test("the body of a refused request is never taken for a request", async () => {
  const deny = { allow: false, status: 401, message: "who are you?" } as const;
  const asked: string[] = [];
  await using registry = await Registry.start({
    access: ({ action }) => {
      asked.push(action);
      return deny;
    },
  });
  const smuggled = head("DELETE /v2/a/manifests/1 HTTP/1.1");
  const filler = "x".repeat(200_000);
  for (const body of [smuggled, filler + smuggled]) {
    asked.length = 0;
    const request = head("POST /v2/a/blobs/uploads/?digest=none HTTP/1.1", `Content-Length: ${body.length}`);
    // In two parts: the answer is there before the body is.
    for (const parts of [[request + body], [request, body]]) {
      expect(statuses(await talk(registry, ...parts.map((part) => [part, 1] as const)))).toEqual([401]);
      expect(asked).not.toContain("delete");
    }
  }
});
