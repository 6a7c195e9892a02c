import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { StrakeError } from "../../errors/index.ts";
import { sha256 } from "../../oci/index.ts";
import { failure, impatient, readAll, serve } from "./fake-registry.test-support.ts";
import type { Session, UploadMemory } from "./upload-session.ts";

/** Uploads that an earlier push left at a registry: the next one goes on with them, or begins anew for whatever is wrong with them. */
const content = randomBytes(5 << 20);
const blob = { digest: sha256(content), size: content.length };
const source = { open: (start: number, end: number) => parts(content.subarray(start, end)) };
const half = content.length >> 1;

async function* parts(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

/** What is noted, in order; undefined for what was forgotten. */
class Notes implements UploadMemory {
  readonly session: Session | undefined;
  readonly all: (string | undefined)[] = [];

  constructor(location?: string, minimum = 0) {
    this.session = location === undefined ? undefined : { location: new URL(location), minimum };
  }

  note({ location }: Session): void {
    this.all.push(location.pathname);
  }

  forget(): void {
    this.all.push(undefined);
  }
}

type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  uploads: Map<string, Buffer>,
) => Promise<boolean> | boolean;

/** A registry that has some bytes of the upload `/old`, and begins uploads as `/new`. */
async function registry(old: Uint8Array | undefined, fault: Fault = () => false) {
  const uploads = new Map<string, Buffer>(old ? [["/old", Buffer.from(old)]] : []);
  const done = new Set<string>();
  const server = await serve(async (request, response) => {
    if (await fault(request, response, uploads)) return;
    const path = new URL(request.url!, "http://x").pathname;
    if (request.method === "HEAD") return void response.writeHead(404).end();
    if (request.method === "POST") {
      uploads.set("/new", Buffer.alloc(0));
      return void response.writeHead(202, { location: "/new" }).end();
    }
    const bytes = uploads.get(path);
    const sent = await readAll(request);
    if (bytes === undefined) return void response.writeHead(404).end();
    const range = (length: number) => ({ location: path, range: `0-${Math.max(0, length - 1)}` });
    if (request.method === "GET") return void response.writeHead(204, range(bytes.length)).end();
    const start = Number(/^([0-9]+)-/.exec(request.headers["content-range"] ?? "")?.[1] ?? bytes.length);
    if (start !== bytes.length) return void response.writeHead(416).end();
    const all = Buffer.concat([bytes, sent]);
    uploads.set(path, all);
    if (request.method === "PATCH") return void response.writeHead(202, range(all.length)).end();
    if (sha256(all) !== blob.digest)
      return void response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
    done.add(path);
    response.writeHead(201).end();
  });
  const methods = () => server.seen.map(({ method, path }) => `${method} ${path.slice(0, 4)}`);
  return { ...server, done, methods };
}

const ways = ["whole", "stream"] as const;

interface Push {
  readonly way: (typeof ways)[number];
  readonly memory: Notes;
  readonly signal?: AbortSignal;
  readonly bytes?: Uint8Array;
}

/** Pushes the blob; what was told of how it went on. */
async function push(host: string, { way, memory, signal, bytes = content }: Push): Promise<number[]> {
  using client = await impatient(host);
  const continued: number[] = [];
  const options = {
    memory,
    onContinue: (at: number) => void continued.push(at),
    ...(signal ? { signal } : {}),
  };
  const repository = client.repository("a/b");
  if (way === "whole") await repository.uploadBlob(blob, source, options);
  else {
    const begun = await repository.streamBlob(parts(bytes), options);
    await repository.uploadBlob(blob, source, { ...options, begun });
  }
  return continued;
}

for (const way of ways) {
  // Of a stream the first piece has its place, the rest has none.
  const pieces = way === "whole" ? ["PATCH /old"] : ["PATCH /old", "PATCH /old"];
  const goOn = ["GET /old", ...pieces, "PUT /old"];
  const anew = ["POST /v2/", "PATCH /new", "PUT /new"];

  test(`${way}: goes on where the registry is`, async () => {
    using server = await registry(content.subarray(0, half));
    const memory = new Notes(`http://${server.host}/old`);
    expect(await push(server.host, { way, memory })).toEqual([half]);
    expect(server.methods()).toEqual(goOn);
    expect([...server.done]).toEqual(["/old"]);
    expect(memory.all).toEqual([undefined]);
  });

  test(`${way}: what arrives of the lost connection after the registry was asked is not sent again`, async () => {
    let late = 0;
    using server = await registry(content.subarray(0, half), (request, _, uploads) => {
      if (request.method === "PATCH" && late++ < 2)
        uploads.set("/old", content.subarray(0, half + late * 150_000) as Buffer);
      return false;
    });
    const memory = new Notes(`http://${server.host}/old`);
    expect(await push(server.host, { way, memory })).toEqual([half]);
    expect(server.methods()).toEqual([
      ...["GET /old", "PATCH /old", "GET /old", "PATCH /old", "GET /old"],
      ...goOn.slice(1),
    ]);
    expect([...server.done]).toEqual(["/old"]);
  });

  test(`${way}: one that has all is only ended`, async () => {
    using server = await registry(content);
    const memory = new Notes(`http://${server.host}/old`);
    expect(await push(server.host, { way, memory })).toEqual([content.length]);
    expect(server.methods()).toEqual(["GET /old", "PUT /old"]);
  });

  test(`${way}: a fresh one is noted, and forgotten when it has ended`, async () => {
    using server = await registry(undefined);
    const memory = new Notes();
    expect(await push(server.host, { way, memory })).toEqual([]);
    expect(server.methods()).toEqual(anew);
    expect(memory.all).toEqual(["/new", undefined]);
  });

  const answer =
    (status: number, headers: Record<string, string> = {}): Fault =>
    (request, response) => {
      if (request.method !== "GET") return false;
      response.writeHead(status, headers).end();
      return true;
    };
  const refuse =
    (method: string, status: number): Fault =>
    async (request, response) => {
      if (request.method !== method || !request.url!.startsWith("/old")) return false;
      await readAll(request);
      response.writeHead(status).end();
      return true;
    };
  const none: Fault = () => false;
  const wrong: readonly (readonly [string, Uint8Array | undefined, Fault])[] = [
    ["is not known any more", undefined, none],
    ["is answered with 401", content.subarray(0, half), answer(401)],
    ["is answered without a range", content.subarray(0, half), answer(204)],
    ["is answered with nonsense as range", content.subarray(0, half), answer(204, { range: "bytes 1-x" })],
    [
      "is answered with no address",
      content.subarray(0, half),
      answer(204, { range: "0-99", location: "file:///etc/passwd" }),
    ],
    ["has more bytes than the blob", Buffer.concat([content, content]), none],
    ["has a range no number can hold", content, answer(204, { range: `0-${"9".repeat(30)}` })],
    ["has fewer bytes than it says", content.subarray(0, 99), answer(204, { range: `0-${half - 1}` })],
    ["has other bytes", randomBytes(half), none],
    ["has as many other bytes", randomBytes(content.length), none],
    ["takes nothing more", content.subarray(0, half), refuse("PATCH", 403)],
    ["takes nothing more by length", content.subarray(0, half), refuse("PATCH", 411)],
    ["fails always", content.subarray(0, half), refuse("PATCH", 500)],
    ["cannot be ended", content.subarray(0, half), refuse("PUT", 400)],
    ["is gone at its end", content.subarray(0, half), refuse("PUT", 404)],
  ];
  test.each([...wrong])(`${way}: one that %s is begun anew, in the same push`, async (_, old, fault) => {
    using server = await registry(old, fault);
    const memory = new Notes(`http://${server.host}/old`);
    const continued = await push(server.host, { way, memory });
    expect([...server.done]).toEqual(["/new"]);
    expect(memory.all.slice(-2)).toEqual(["/new", undefined]);
    expect(continued.at(-1) ?? 0).toBe(0);
  });

  test(`${way}: what others' failure stops is canceled and forgotten; what the user or the network stops is kept`, async () => {
    for (const [reason, deletions, forgotten] of [
      [new StrakeError("REGISTRY_FULL", "no room"), 1, true],
      [new StrakeError("REGISTRY_UNREACHABLE", "gone"), 0, false],
      [new StrakeError("CANCELED", "interrupted"), 0, false],
      [new DOMException("stop", "AbortError"), 0, false],
    ] as const) {
      const stop = new AbortController();
      using server = await registry(undefined, (request) => {
        if (request.method === "PATCH") request.once("data", () => stop.abort(reason));
        return request.method === "PATCH";
      });
      const memory = new Notes();
      const pushed = push(server.host, { way, memory, signal: stop.signal });
      expect(await failure(pushed)).toMatchObject({ code: "CANCELED" });
      expect(server.seen.filter(({ method }) => method === "DELETE")).toHaveLength(deletions);
      expect(memory.all).toEqual(forgotten ? ["/new", undefined] : ["/new"]);
    }
  });
}

test("a stream that ends before what the registry has is begun anew", async () => {
  using server = await registry(Buffer.concat([content, content]));
  const memory = new Notes(`http://${server.host}/old`);
  expect(await push(server.host, { way: "stream", memory })).toEqual([2 * content.length, 0]);
  expect([...server.done]).toEqual(["/new"]);
});

test("a network that is gone is no reason to forget", async () => {
  using server = await registry(content.subarray(0, half), (request) => {
    request.socket.destroy();
    return true;
  });
  const memory = new Notes(`http://${server.host}/old`);
  expect((await failure(push(server.host, { way: "whole", memory }))).code).toBe("REGISTRY_UNREACHABLE");
  expect(memory.all).toEqual([]);
});

test("one that does not move is not tried for ever", async () => {
  using server = await registry(content.subarray(0, half), (request) => {
    if (request.method === "PATCH") request.socket.destroy();
    return request.method === "PATCH";
  });
  const memory = new Notes(`http://${server.host}/old`);
  expect((await failure(push(server.host, { way: "whole", memory }))).code).toBe("REGISTRY_UNREACHABLE");
  expect(memory.all).toEqual([undefined]);
});

test("a registry that takes all and then loses it is given up", async () => {
  for (const [status, body] of [
    [400, '{"errors":[{"code":"DIGEST_INVALID"}]}'],
    [404, ""],
  ] as const) {
    let ends = 0;
    using server = await registry(undefined, async (request, response) => {
      if (request.method !== "PUT") return false;
      await readAll(request);
      // So that the test ends in any case.
      response.writeHead(++ends > 20 ? 403 : status).end(body);
      return true;
    });
    await failure(push(server.host, { way: "whole", memory: new Notes() }));
    expect(ends).toBe(4);
  }
});

test("a registry whose word on how far it is goes to and fro is given up", async () => {
  let asked = 0;
  using server = await registry(undefined, async (request, response) => {
    if (request.method !== "PATCH" && request.method !== "GET") return false;
    await readAll(request);
    const range = { range: ++asked % 4 === 2 ? `0-${half}` : "0-99", location: "/new" };
    response.writeHead(asked > 60 ? 403 : request.method === "GET" ? 204 : 416, range).end();
    return true;
  });
  await failure(push(server.host, { way: "whole", memory: new Notes() }));
  expect(asked).toBeLessThan(20);
});

test("a stream is not held in memory for a registry that wants huge pieces", async () => {
  using server = await registry(content.subarray(0, half));
  let made = 0;
  const memory = new Notes(`http://${server.host}/old`, 2 ** 40);
  using client = await impatient(server.host);
  const repository = client.repository("a/b");
  async function* counted() {
    for await (const part of parts(content)) {
      made += part.byteLength;
      yield part;
    }
  }
  const begun = await repository.streamBlob(counted(), { memory });
  expect(made).toBeLessThan(content.length);
  await repository.uploadBlob(blob, source, { memory, begun });
  expect([...server.done]).toEqual(["/old"]);
});

test("small blobs are neither noted nor looked for", async () => {
  const small = content.subarray(0, 1 << 20);
  using server = await registry(small);
  const memory = new Notes(`http://${server.host}/old`);
  using client = await impatient(server.host);
  const { code } = await failure(
    client
      .repository("a/b")
      .uploadBlob(
        { digest: sha256(small), size: small.length },
        { open: (start, end) => [small.subarray(start, end)] },
        { memory, attempts: 1 },
      ),
  );
  expect(code).toBe("REGISTRY_REFUSED");
  expect(memory.all).toEqual([]);
  expect(server.methods()).not.toContain("GET /old");
});

test("credentials stay with the registry, and a signed address is in no error", async () => {
  using elsewhere = await registry(content.subarray(0, half), async (request, response) => {
    if (request.method === "GET") return false;
    await readAll(request);
    response.writeHead(503).end();
    return true;
  });
  using server = await serve(async (request, response) => {
    await readAll(request);
    if (request.headers.authorization === undefined)
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    response.writeHead(503).end();
  });
  using client = await impatient(server.host, {
    credentials: async () => ({ kind: "basic", username: "user", password: "word" }),
  });
  const memory = new Notes(`http://${elsewhere.host}/old?_state=c2VjcmV0`);
  const repository = client.repository("a/b");
  // So that it is known what the registry wants.
  await failure(repository.headBlob(blob.digest));
  const { text } = await failure(repository.uploadBlob(blob, source, { memory }));
  const asked = elsewhere.seen.map(({ method, path }) => `${method} ${path}`);
  expect(asked.slice(0, 2)).toEqual(["GET /old?_state=c2VjcmV0", "PATCH /old"]);
  expect(elsewhere.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  expect(text).not.toContain("c2VjcmV0");
});
