// The registry client on the machine's own node: sockets, tokens, resuming.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";
import { Registry } from "../../dist/lib/registry-client.js";

const content = randomBytes(2 << 20);
const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
const blob = { digest, size: content.length };

async function serve(handle) {
  const server = createServer(handle);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${server.address().port}`;
  const registry = await Registry.connect(host, {
    settings: { url: new URL(`http://${host}`) },
    credentials: async () => ({ kind: "basic", username: "ann", password: "pw" }),
    retry: { baseMs: 1 },
    stallMs: 300,
  });
  return {
    repository: registry.repository("a/b"),
    stop() {
      registry.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test("a download with a token goes on after it was cut and after it stalled", async () => {
  let downloads = 0;
  const { repository, stop } = await serve((request, response) => {
    if (request.url.startsWith("/token")) return response.end('{"token":"t"}');
    if (request.headers.authorization !== "Bearer t") {
      const realm = `http://${request.headers.host}/token`;
      return response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    }
    const start = Number(/=(\d+)-/.exec(request.headers.range ?? "=0-")[1]);
    response.writeHead(start ? 206 : 200, {
      "content-length": content.length - start,
      ...(start ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    const step = downloads++;
    if (step === 0) response.write(content.subarray(0, 500_000), () => response.destroy());
    else if (step === 1) response.write(content.subarray(start, start + 500_000));
    else response.end(content.subarray(start));
  });
  const parts = [];
  for await (const part of repository.getBlob(blob)) parts.push(part);
  stop();
  assert.ok(Buffer.concat(parts).equals(content));
  assert.ok(downloads >= 3);
});

test("an upload is one request for the bytes", async () => {
  const seen = [];
  let got = Buffer.alloc(0);
  const { repository, stop } = await serve(async (request, response) => {
    seen.push(request.method);
    const parts = [];
    for await (const part of request) parts.push(part);
    got = Buffer.concat([got, ...parts]);
    response.writeHead(request.method === "PUT" ? 201 : 202, { location: "/up" }).end();
  });
  await repository.uploadBlob(blob, { open: (start, end) => [content.subarray(start, end)] });
  stop();
  assert.deepEqual(seen, ["POST", "PATCH", "PUT"]);
  assert.ok(got.equals(content));
});
