import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { StrakeError } from "../../errors/index.ts";
import { sha256 } from "../../oci/index.ts";
import { failure, impatient, readAll, serve } from "./fake-registry.test-support.ts";

const content = randomBytes(5 << 20);
const blob = { digest: sha256(content), size: content.length };
const source = { open: (start: number, end: number) => parts(content.subarray(start, end)) };

async function* parts(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

interface Session {
  bytes: Buffer;
  done: boolean;
}

/** An upload endpoint that keeps what it gets; `fault` may do something else for a request. */
async function endpoint(
  fault: (
    request: IncomingMessage,
    response: ServerResponse,
    session: Session,
    count: number,
  ) => Promise<boolean> | boolean,
) {
  const session: Session = { bytes: Buffer.alloc(0), done: false };
  let count = 0;
  const server = await serve(async (request, response) => {
    if (await fault(request, response, session, count++)) return;
    if (request.method === "POST") {
      session.bytes = Buffer.alloc(0);
      return void response.writeHead(202, { location: "/upload/1" }).end();
    }
    const range = { location: "/upload/1", range: `0-${Math.max(0, session.bytes.length - 1)}` };
    if (request.method === "GET") return void response.writeHead(204, range).end();
    const start = Number(
      /^([0-9]+)-/.exec(request.headers["content-range"] ?? "")?.[1] ?? session.bytes.length,
    );
    if (start !== session.bytes.length) return void response.writeHead(416).end();
    session.bytes = Buffer.concat([session.bytes, await readAll(request)]);
    if (request.method === "PATCH")
      return void response
        .writeHead(202, { location: "/upload/1", range: `0-${session.bytes.length - 1}` })
        .end();
    session.done = sha256(session.bytes) === blob.digest;
    response.writeHead(session.done ? 201 : 400).end();
  });
  return { server, session };
}

async function push(fault: Parameters<typeof endpoint>[0], options: { chunk?: number } = {}) {
  const { server, session } = await endpoint(fault);
  using _server = server;
  using registry = await impatient(server.host);
  const resumed: number[] = [];
  const work = registry
    .repository("a/b")
    .uploadBlob(blob, source, { ...options, onResume: (at) => void resumed.push(at) });
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  );
  return { session, resumed, error, methods: server.seen.map(({ method }) => method).join(" ") };
}

test("a blob goes in one request, or in chunks", async () => {
  expect(await push(() => false)).toMatchObject({ session: { done: true }, methods: "POST PATCH PUT" });
  const chunked = await push(() => false, { chunk: 2 << 20 });
  expect(chunked).toMatchObject({ session: { done: true }, methods: "POST PATCH PATCH PATCH PUT" });
});

test("an upload that is cut asks how far it was and goes on there", async () => {
  let cut = false;
  const { session, resumed, methods } = await push(async (request, response, kept) => {
    if (cut || request.method !== "PATCH") return false;
    cut = true;
    for await (const part of request) {
      kept.bytes = Buffer.concat([kept.bytes, part as Buffer]);
      if (kept.bytes.length > 1 << 20) break;
    }
    response.destroy();
    return true;
  });
  expect(session.done).toBe(true);
  expect(methods).toBe("POST PATCH GET PATCH PUT");
  expect(resumed[0]).toBeGreaterThan(1 << 20);
});

test("a session that is gone is begun anew", async () => {
  let lost = false;
  const { session, methods } = await push(async (request, response) => {
    if (lost || request.method !== "PATCH") return false;
    lost = true;
    await readAll(request);
    response.writeHead(404).end();
    return true;
  });
  expect([session.done, methods]).toEqual([true, "POST PATCH POST PATCH PUT"]);
});

test("500 in the middle, bytes damaged on the way", async () => {
  const failed = await push((request, response, _, count) => {
    if (count !== 1) return false;
    request.resume();
    response.writeHead(500).end();
    return true;
  });
  expect(failed.session.done).toBe(true);
  let damaged = false;
  const { session } = await push((request, response) => {
    if (damaged || request.method !== "PUT") return false;
    damaged = true;
    response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
    return true;
  });
  expect(session.done).toBe(true);
});

test.each([200, 201, 202, 204])(
  "status %d is as good as what the specification has for a step",
  async (status) => {
    using server = await serve(async (request, response) => {
      const { length } = await readAll(request);
      const location = request.method === "POST" ? { location: "/upload/1?state=a%2Bb" } : {};
      const range = request.method === "PATCH" ? { range: `0-${length - 1}` } : {};
      response.writeHead(request.method === "HEAD" ? 404 : status, { ...location, ...range }).end();
    });
    using registry = await impatient(server.host);
    const repository = registry.repository("a/b");
    await repository.uploadBlob(blob, source);
    await repository.uploadBlob(blob, source, { begun: await repository.streamBlob(parts(content)) });
    await repository.putManifest("1", { raw: content.subarray(0, 10), mediaType: "text/plain" });
    const paths = server.seen.map(({ method, path }) => `${method} ${path.replace(/sha256.*/, "")}`);
    expect(paths).toEqual([
      ...["POST /v2/a/b/blobs/uploads/", "PATCH /upload/1?state=a%2Bb", "PUT /upload/1?state=a%2Bb&digest="],
      ...["POST /v2/a/b/blobs/uploads/", "PATCH /upload/1?state=a%2Bb", "PUT /upload/1?state=a%2Bb&digest="],
      "PUT /v2/a/b/manifests/1",
    ]);
  },
);

test.each([405, 501])("a registry without PATCH (%d) gets the blob with PUT", async (status) => {
  const { session, methods } = await push(async (request, response) => {
    if (request.method !== "PATCH") return false;
    await readAll(request);
    response.writeHead(status).end();
    return true;
  });
  expect(session.done).toBe(true);
  expect(methods).toBe("POST PATCH PUT");
});

test.each([405, 501])(
  "a registry without HEAD (%d) is asked with GET, and sent what it may have",
  async (status) => {
    const manifest = Buffer.from('{"schemaVersion":2,"manifests":[]}');
    using server = await serve((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(status).end();
      response.writeHead(200, { "content-type": "application/vnd.oci.image.index.v1+json" }).end(manifest);
    });
    using registry = await impatient(server.host);
    const repository = registry.repository("a/b");
    expect(await repository.resolve("1")).toMatchObject({ digest: sha256(manifest), size: manifest.length });
    expect(await repository.headBlob(blob.digest, { forPush: true })).toBeUndefined();
  },
);

test("413 makes chunks smaller", async () => {
  const { session, methods } = await push(
    async (request, response) => {
      if (request.method !== "PATCH" || Number(request.headers["content-length"]) <= 4 << 20) return false;
      response.writeHead(413, { connection: "close" }).end();
      return true;
    },
    { chunk: 5 << 20 },
  );
  expect(session.done).toBe(true);
  expect(methods).toEndWith("PATCH PATCH PATCH PATCH PUT");
});

test("a registry that takes nothing is named", async () => {
  const { error } = await push((request) => {
    if (request.method === "PATCH") request.socket.destroy();
    return request.method === "PATCH";
  });
  expect(error).toMatchObject({
    code: "REGISTRY_UNREACHABLE",
    message: expect.stringContaining("127.0.0.1"),
  });
});

test("a registry that stalls while it takes is given up", async () => {
  const { error } = await push((request) => {
    if (request.method !== "PATCH") return false;
    request.pause();
    return true;
  });
  expect(error?.code).toBe("REGISTRY_STALLED");
}, 120_000);

test.each([
  ["whole", "another failed: the registry is told that nobody goes on", "REGISTRY_FAILED", 1],
  ["stream", "another failed: the registry is told that nobody goes on", "REGISTRY_FAILED", 1],
  ["whole", "the user does not want it: who need not wait for that", "CANCELED", 0],
] as const)("an upload of a %s is stopped, for %s", async (how, _, code, deletions) => {
  const reason = new StrakeError(code, "enough");
  const stop = new AbortController();
  const { server } = await endpoint((request) => {
    // It is in the middle of it.
    if (request.method === "PATCH") request.once("data", () => stop.abort(reason));
    return request.method === "PATCH";
  });
  using _server = server;
  using registry = await impatient(server.host);
  const repository = registry.repository("a/b");
  const { signal } = stop;
  const work: Promise<unknown> =
    how === "whole"
      ? repository.uploadBlob(blob, source, { signal })
      : repository.streamBlob(parts(content), { signal });
  expect(await failure(work as Promise<void>)).toMatchObject({ code: "CANCELED" });
  expect(server.seen.filter(({ method }) => method === "DELETE")).toHaveLength(deletions);
});

test("a Location that is no address is named", async () => {
  using server = await serve(
    (_, response) => void response.writeHead(202, { location: "file:///etc/passwd" }).end(),
  );
  using registry = await impatient(server.host);
  expect((await failure(registry.repository("a").uploadBlob(blob, source))).code).toBe("REGISTRY_RESPONSE");
});

test.each([
  ["plain text", 400, "text/plain; charset=utf-8", "tag is\nnot allowed", "status 400: tag is not allowed "],
  [
    "an object as detail",
    400,
    "application/json",
    { code: "X", message: "y", detail: { a: "b", c: 1, d: "e" } },
    ": X y (b, e) ",
  ],
  ["a text as detail", 500, "application/json", { code: "X", message: "y", detail: "z" }, ": X y (z) "],
  ["no detail of a refusal", 403, "application/json", { code: "X", detail: { Class: "secret" } }, ": X) "],
  ["a page of a proxy", 413, "text/html", "<h1>too large</h1>", "status 413 "],
] as const)("what a registry says of a manifest is handed on: %s", async (_, status, type, said, message) => {
  using server = await serve((_request, response) => {
    const body = typeof said === "string" ? said : JSON.stringify({ errors: [said] });
    response.writeHead(status, { "content-type": type }).end(body);
  });
  using registry = await impatient(server.host);
  const put = registry
    .repository("a/b")
    .putManifest("1", { raw: content.subarray(0, 9), mediaType: "text/plain" });
  const { text } = await failure(put);
  expect(`${text} `).toContain(message);
  expect(text).not.toContain("secret");
});

test("a repository that must be made before the first push", async () => {
  using server = await serve(
    (_, response) => void response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}'),
  );
  using registry = await impatient(server.host);
  const { code, text } = await failure(registry.repository("a/b").uploadBlob(blob, source));
  expect(code).toBe("REGISTRY_NOT_FOUND");
  expect(text).toContain("has no place for a/b: NAME_UNKNOWN check the name; at some registries the project");
});
