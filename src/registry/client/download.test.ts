import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { sha256 } from "../../oci/index.ts";
import { collect, failure, impatient, serve } from "./fake-registry.test-support.ts";

const content = randomBytes(3 << 20);
const blob = { digest: sha256(content), size: content.length };

/** Sends from the asked offset as a registry would. */
function send(
  range: string | undefined,
  response: ServerResponse,
  until = content.length,
  bytes = content,
): void {
  const start = Number(/bytes=([0-9]+)-/.exec(range ?? "")?.[1] ?? 0);
  response.writeHead(range ? 206 : 200, {
    "content-length": bytes.length - start,
    ...(range ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.write(bytes.subarray(start, until), () => {
    if (until < bytes.length) response.destroy();
    else response.end();
  });
}

async function get(handle: Parameters<typeof serve>[0]) {
  using server = await serve(handle);
  using registry = await impatient(server.host);
  const resumed: number[] = [];
  const repository = registry.repository("a/b");
  const bytes = await collect(repository.getBlob(blob, { onResume: (offset) => void resumed.push(offset) }));
  return { bytes, resumed, seen: server.seen };
}

describe("a download", () => {
  test("that is cut goes on where it was", async () => {
    const { bytes, seen } = await get((request, response, count) =>
      send(request.headers.range, response, count < 2 ? (count + 1) << 20 : undefined),
    );
    expect(bytes.equals(content)).toBe(true);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.slice(1).every(({ headers }) => /^bytes=[0-9]+-$/.test(headers.range ?? ""))).toBe(true);
  });

  test("goes on with a server that knows no ranges", async () => {
    const { bytes } = await get((_, response, count) =>
      send(undefined, response, count === 0 ? 1 << 20 : undefined),
    );
    expect(bytes.equals(content)).toBe(true);
  });

  test.each([
    [
      "begins too early",
      206,
      (start: number) => `bytes ${start - 1}-${content.length - 1}/${content.length}`,
    ],
    ["begins too late", 206, (start: number) => `bytes ${start + 1}-${content.length - 1}/${content.length}`],
    ["does not say where it begins", 206, () => undefined],
    ["is said not to be there", 416, () => undefined],
  ] as const)("goes on from the beginning where the asked range %s", async (_, status, range) => {
    const { bytes, seen } = await get((request, response, count) => {
      const start = Number(/bytes=([0-9]+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      if (start === 0) return send(undefined, response, count === 0 ? 1 << 20 : undefined);
      const said = range(start);
      response.writeHead(status, said === undefined ? {} : { "content-range": said });
      response.end(content.subarray(start));
    });
    expect(bytes.equals(content)).toBe(true);
    expect(seen.map(({ headers }) => headers.range !== undefined)).toEqual([false, true, false]);
  });

  test("asks the registry for another address where that of its store has ended", async () => {
    const { bytes, seen } = await get((request, response, count) => {
      if (request.url!.startsWith("/v2/"))
        return void response.writeHead(307, { location: `/store?signature=${count}` }).end();
      if (request.url !== "/store?signature=0") return send(request.headers.range, response);
      if (request.url !== "/store?signature=0") return send(request.headers.range, response);
      response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
    });
    expect(bytes.equals(content)).toBe(true);
    expect(seen.filter(({ path }) => path.startsWith("/store"))).toHaveLength(2);
  });

  test("that stalls is given up and goes on", async () => {
    const { bytes, resumed } = await get((request, response, count) => {
      if (count > 0) return send(request.headers.range, response);
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 1000));
    });
    expect(bytes.equals(content)).toBe(true);
    expect(resumed).toEqual([1000]);
  });

  test("survives 500, 503 and 429 with Retry-After", async () => {
    const { bytes, seen } = await get((request, response, count) => {
      if (count === 3) return send(request.headers.range, response);
      response.writeHead([500, 503, 429][count]!, count === 2 ? { "retry-after": "0" } : {}).end();
    });
    expect(bytes.equals(content)).toBe(true);
    expect(seen).toHaveLength(4);
  });

  test("waits as long as the registry says", async () => {
    const started = performance.now();
    await get((request, response, count) => {
      if (count > 0) return send(request.headers.range, response);
      response.writeHead(429, { "retry-after": "1" }).end();
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });
});

describe("a registry is named when it", () => {
  const named = (handle: Parameters<typeof serve>[0]) => failure(get(handle));

  test("sends other bytes", async () => {
    const wrong = Buffer.from(content);
    wrong[12345]! ^= 1;
    const { code, text } = await named((request, response) =>
      send(request.headers.range, response, undefined, wrong),
    );
    expect(code).toBe("BLOB_MISMATCH");
    expect(text).toContain("127.0.0.1");
  });

  test("sends more than the descriptor says", async () => {
    const more = Buffer.concat([content, Buffer.from("x")]);
    expect((await named((_, response) => send(undefined, response, more.length, more))).code).toBe(
      "BLOB_MISMATCH",
    );
  });

  test("has less than the descriptor says", async () => {
    const less = content.subarray(0, 1000);
    const { code, text } = await named((request, response) => {
      if (request.headers.range) return void response.writeHead(416).end();
      send(undefined, response, undefined, less);
    });
    expect(code).toBe("REGISTRY_TRUNCATED");
    expect(text).toContain("sent 1000 of the 3145728 bytes");
  });

  test("sends another range than asked for", async () => {
    const { code } = await named((request, response) => {
      if (!request.headers.range) return send(undefined, response, 1000);
      response.writeHead(206, { "content-range": `bytes 0-9/${content.length}` }).end("0123456789");
    });
    expect(code).toBe("REGISTRY_UNREACHABLE");
  });

  test("sends to a store that refuses; the address is told to nobody", async () => {
    const { code, text } = await named((request, response) => {
      if (request.url!.startsWith("/v2/"))
        return void response.writeHead(307, { location: "/store?signature=abcd" }).end();
      const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
      response.writeHead(403, { "content-type": "application/xml" }).end(body);
    });
    expect(code).toBe("REGISTRY_FAILED");
    expect(text).toMatch(
      /^127[^ ]+ sends to 127[^ ]+ for blob \S+, which refuses with status 403: Request has expired /,
    );
    expect(text).not.toContain("abcd");
  });

  test("fails for good, cuts for good, has nothing, wants patience, is not there", async () => {
    const status = (code: number, headers = {}) =>
      named((_, response) => void response.writeHead(code, headers).end());
    expect((await status(500)).code).toBe("REGISTRY_FAILED");
    expect((await status(404)).code).toBe("REGISTRY_NOT_FOUND");
    const busy = await status(429, { "retry-after": "3600" });
    expect([busy.code, busy.text]).toEqual([
      "REGISTRY_RATE_LIMITED",
      expect.stringContaining("3600 seconds"),
    ]);
    expect((await named((_, response) => void response.destroy())).code).toBe("REGISTRY_UNREACHABLE");
    using gone = await serve(() => {});
    gone[Symbol.dispose]();
    using registry = await impatient(gone.host);
    expect((await failure(registry.ping())).code).toBe("REGISTRY_UNREACHABLE");
  });

  test("says what would steer a terminal or show a token", async () => {
    const { text } = await named(
      (_, response) =>
        void response
          .writeHead(403)
          .end('{"errors":[{"code":"DENIED","message":"\\u001b[2Jno Bearer abcdef123456"}]}'),
    );
    expect(text).toContain("DENIED");
    expect(text).not.toContain("\u001b");
    expect(text).not.toContain("abcdef123456");
  });
});

test("a manifest without an end is cut off", async () => {
  using server = await serve((_, response) => {
    response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(64 << 10, 32)));
      response.once("drain", more);
    };
    more();
  });
  using registry = await impatient(server.host);
  const { code, text } = await failure(registry.repository("a").getManifest("v1"));
  expect([code, text]).toEqual(["REGISTRY_RESPONSE", expect.stringContaining("longer than")]);
});

test("a canceled download ends at once", async () => {
  using server = await serve((_, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.write("x");
  });
  using registry = await impatient(server.host, { stallMs: 60_000 });
  const stop = new AbortController();
  const work = collect(registry.repository("a").getBlob(blob, { signal: stop.signal }));
  setTimeout(() => stop.abort(), 50);
  expect((await failure(work)).code).toBe("CANCELED");
});

test("a web page in place of a manifest, of tags and of a token is told as that; a malformed manifest by its name", async () => {
  using server = await serve((request, response) => {
    if (request.url!.includes("/b/") && !request.headers.authorization)
      return void response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` })
        .end();
    if (request.url!.includes("/c/"))
      return void response.writeHead(200, { "content-type": "application/json" }).end('{"schemaVersion":3}');
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>log in</html>");
  });
  using registry = await impatient(server.host);
  const told = async (work: Promise<unknown>) => (await failure(work)).text;
  const page = `${server.host} answered with a web page in place of`;
  expect(await told(registry.repository("a").getManifest("1"))).toContain(
    `${page} tag 1 in ${server.host}/a`,
  );
  expect(await told(Array.fromAsync(registry.repository("a").tags()))).toContain(
    `${page} tags of ${server.host}/a`,
  );
  expect(await told(registry.repository("c").getManifest("1"))).toStartWith(`tag 1 in ${server.host}/c: `);
  expect(await told(registry.repository("b").getManifest("1"))).toContain(`${page} the token`);
});

describe("a download of which only the digest is known, from the middle on", () => {
  const start = 1_000_000;
  async function fetched(handle: Parameters<typeof serve>[0], from = start) {
    using server = await serve(handle);
    using registry = await impatient(server.host);
    const opened = await registry.repository("a/b").fetchBlob(blob.digest, { start: from });
    const bytes = await collect(opened.body);
    return [opened.start, opened.size, bytes.equals(content.subarray(opened.start)), server.seen.length];
  }

  test("begins there, and goes on where it was cut", async () => {
    expect(await fetched((request, response) => send(request.headers.range, response))).toEqual([
      ...[start, content.length, true, 1],
    ]);
    const cut = await fetched((request, response, count) =>
      send(request.headers.range, response, count === 0 ? 2 << 20 : undefined),
    );
    expect(cut).toEqual([start, content.length, true, 2]);
  });

  test("passes over what is sent by a registry that knows no ranges", async () => {
    expect(await fetched((_, response) => send(undefined, response))).toEqual([
      ...[start, content.length, true, 1],
    ]);
  });

  test("begins at 0 where the registry cannot begin there, or has nothing behind it", async () => {
    const other = (range: string) => (request: { headers: { range?: string } }, response: ServerResponse) => {
      if (!request.headers.range) return send(undefined, response);
      response.writeHead(206, { "content-range": range, "content-length": 5 }).end("wrong");
    };
    for (const handle of [
      other(`bytes 0-4/${content.length}`),
      ((request, response) => {
        if (!request.headers.range) return send(undefined, response);
        response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      }) as Parameters<typeof serve>[0],
    ])
      expect(await fetched(handle)).toEqual([0, content.length, true, 2]);
    expect(await fetched((_, response) => send(undefined, response), content.length)).toEqual([
      ...[0, content.length, true, 1],
    ]);
  });

  test("that is refused is refused", async () => {
    const missing = fetched((_, response) => void response.writeHead(404).end());
    expect((await failure(missing)).code).toBe("REGISTRY_NOT_FOUND");
  });
});
