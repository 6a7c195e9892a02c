import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { StrakeError } from "../../errors/index.ts";
import { sha256 } from "../../oci/index.ts";
import { failure, impatient, readAll, serve } from "./fake-registry.test-support.ts";
import type { Session, UploadMemory } from "./upload-session.ts";

/** A registry of distribution's kind: each Location says, signed, how far it is, and an upload whose request breaks off is lost. */
const content = randomBytes(6 << 20);
const blob = { digest: sha256(content), size: content.length };

/** The content, slowly; `onHalf` is called when half of it has been taken. */
function source(onHalf: () => void) {
  async function* open(start: number, end: number) {
    for (let at = start; at < end; at += 100_000) {
      if (at <= content.length >> 1 && at + 100_000 > content.length >> 1) onHalf();
      await Bun.sleep(1);
      yield content.subarray(at, Math.min(end, at + 100_000));
    }
  }
  return { open };
}

async function registry(fault?: (response: ServerResponse, isChunked: boolean) => boolean) {
  let bytes = Buffer.alloc(0);
  let done = false;
  const here = () => ({
    location: `/up?_state=${bytes.length}`,
    range: `0-${Math.max(0, bytes.length - 1)}`,
  });
  const server = await serve(async (request, response) => {
    if (request.method === "HEAD") return void response.writeHead(404).end();
    if (request.method === "POST") {
      bytes = Buffer.alloc(0);
      return void response.writeHead(202, here()).end();
    }
    if (request.method === "PATCH" && fault?.(response, request.headers["transfer-encoding"] === "chunked"))
      return;
    if (new URL(request.url!, "http://x").searchParams.get("_state") !== String(bytes.length))
      return void response.writeHead(404).end();
    if (request.method === "GET") return void response.writeHead(204, here()).end();
    // What broke off counts, and nobody has a Location for it.
    const sent = await readAll(request).catch(() => undefined);
    bytes = Buffer.concat([bytes, sent ?? randomBytes(1)]);
    if (request.method === "PATCH") return void response.writeHead(202, here()).end();
    done = sha256(bytes) === blob.digest;
    response.writeHead(done ? 201 : 400).end();
  });
  return { ...server, isDone: () => done, size: () => bytes.length };
}

/** Keeps what was noted last. */
class Notes implements UploadMemory {
  session: Session | undefined;
  note(session: Session): void {
    this.session = session;
  }
  forget(): void {
    this.session = undefined;
  }
}

for (const way of ["whole", "stream"] as const) {
  const push = async (
    host: string,
    { memory, onHalf, signal }: { memory: Notes; onHalf: () => void; signal?: AbortSignal },
  ) => {
    using client = await impatient(host);
    const options = { memory, ...(signal ? { signal } : {}) };
    const repository = client.repository("a/b");
    const from = source(onHalf);
    if (way === "whole") return await repository.uploadBlob(blob, from, options);
    const begun = await repository.streamBlob(from.open(0, content.length), options);
    return await repository.uploadBlob(blob, from, { ...options, begun });
  };

  test(`${way}: who stops it ends the request, and the next push goes on there`, async () => {
    using server = await registry();
    const stop = new AbortController();
    const memory = new Notes();
    const first = push(server.host, { memory, onHalf: () => stop.abort(), signal: stop.signal });
    expect((await failure(first)).code).toBe("CANCELED");
    expect(server.size()).toBeGreaterThan(2 << 20);
    expect(server.size()).toBeLessThan(content.length);
    expect(memory.session?.location.search).toBe(`?_state=${server.size()}`);
    const before = server.seen.length;
    await push(server.host, { memory, onHalf: () => {} });
    const methods = server.seen.slice(before).map(({ method }) => method);
    expect([server.isDone(), methods]).toEqual([true, expect.not.arrayContaining(["POST"])]);
    expect(memory.session).toBeUndefined();
  });

  test(`${way}: a failure of others cuts the request at once`, async () => {
    using server = await registry();
    const stop = new AbortController();
    const memory = new Notes();
    const onHalf = () => stop.abort(new StrakeError("REGISTRY_FULL", "no room"));
    const started = performance.now();
    expect((await failure(push(server.host, { memory, onHalf, signal: stop.signal }))).code).toBe("CANCELED");
    expect(performance.now() - started).toBeLessThan(1500);
    expect(server.seen.at(-1)?.method).toBe("DELETE");
    expect(memory.session).toBeUndefined();
  });

  test(`${way}: a registry that does not answer is not waited for`, async () => {
    using server = await registry(() => true);
    const stop = new AbortController();
    const memory = new Notes();
    using client = await impatient(server.host, { stallMs: 20_000, answerMs: 20_000 });
    const options = { memory, signal: stop.signal };
    const from = source(() => stop.abort());
    const repository = client.repository("a/b");
    let stopped = 0;
    stop.signal.addEventListener("abort", () => {
      stopped = performance.now();
    });
    setTimeout(() => stop.abort(), 1000);
    const work: Promise<unknown> =
      way === "whole"
        ? repository.uploadBlob(blob, from, options)
        : repository.streamBlob(from.open(0, content.length), options);
    expect((await failure(work)).code).toBe("CANCELED");
    expect(performance.now() - stopped).toBeLessThan(4000);
  });
}

test("who wants to know the length first is told", async () => {
  using server = await registry((response, isChunked) => {
    if (isChunked) response.writeHead(411, { connection: "close" }).end();
    return isChunked;
  });
  using client = await impatient(server.host);
  await client.repository("a/b").uploadBlob(
    blob,
    source(() => {}),
  );
  expect(server.isDone()).toBe(true);
  expect(server.seen.map(({ method }) => method).join(" ")).toBe("POST PATCH PATCH PUT");
});
