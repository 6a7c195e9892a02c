import { describe, expect, test } from "bun:test";
import { sha256 } from "../../oci/index.ts";
import { parseChallenges } from "./auth/challenge.ts";
import { collect, failure, impatient, readAll, serve } from "./fake-registry.test-support.ts";

const secret = "hunter2-s3cret";
const basic = { kind: "basic", username: "ann", password: secret } as const;
const expected = `Basic ${Buffer.from(`ann:${secret}`).toString("base64")}`;
const content = Buffer.from("hello");
const blob = { digest: sha256(content), size: content.length };

describe("basic", () => {
  test("credentials go out after the first challenge, and at once from then on", async () => {
    using server = await serve((request, response) => {
      if (request.headers.authorization === expected) return void response.end(content);
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    const repository = registry.repository("a");
    await collect(repository.getBlob(blob));
    await collect(repository.getBlob(blob));
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, expected, expected]);
  });

  test("requests that set out together are each let in after their own challenge", async () => {
    // None is answered before all are here: each is sent without credentials, and the last to hear of it knows the challenge already.
    const waiting: (() => void)[] = [];
    using server = await serve((request, response) => {
      if (request.headers.authorization === expected) return void response.end(content);
      const late = waiting.length * 50;
      waiting.push(() => {
        setTimeout(() => response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end(), late);
      });
      if (waiting.length === 3) for (const answer of waiting) answer();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    const repository = registry.repository("a");
    const all = await Promise.all([1, 2, 3].map(() => collect(repository.getBlob(blob))));
    expect(all.map(String)).toEqual(["hello", "hello", "hello"]);
  });

  test("wrong ones are reported without being shown", async () => {
    using server = await serve(
      (_, response) => void response.writeHead(401, { "www-authenticate": "Basic" }).end(),
    );
    using registry = await impatient(server.host, { credentials: async () => basic });
    const { code, text } = await failure(registry.ping());
    expect(code).toBe("REGISTRY_UNAUTHORIZED");
    expect(text).not.toContain(secret);
    expect(text).not.toContain(expected.slice(6));
  });
});

/** A registry with a token server of its own. */
async function tokenRegistry(options: { readonly seconds?: number } = {}) {
  let issued = 0;
  const valid = new Set<string>();
  const server = await serve(async (request, response) => {
    const url = new URL(request.url!, "http://x");
    if (url.pathname === "/token") {
      const form = new URLSearchParams((await readAll(request)).toString());
      const known = request.headers.authorization === expected || form.get("refresh_token") === secret;
      if (!known) return void response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      const token = `t${++issued}`;
      valid.add(token);
      return void response.end(JSON.stringify({ token, expires_in: options.seconds ?? 300 }));
    }
    const [, token] = (request.headers.authorization ?? "").split(" ");
    if (token && valid.has(token)) return void response.end(content);
    const realm = `http://${request.headers.host}/token`;
    response
      .writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s",scope="repository:a:pull"` })
      .end();
  });
  return { server, valid, issued: () => issued };
}

describe("bearer", () => {
  test("a token is asked for once and kept, for each scope its own", async () => {
    const { server, issued } = await tokenRegistry();
    using _ = server;
    using registry = await impatient(server.host, { credentials: async () => basic });
    await collect(registry.repository("a").getBlob(blob));
    await Promise.all([1, 2, 3].map(() => collect(registry.repository("a").getBlob(blob))));
    expect(issued()).toBe(1);
    await collect(registry.repository("b").getBlob(blob));
    expect(issued()).toBe(2);
    const asked = server.seen.filter(({ path }) => path.startsWith("/token"));
    expect(asked[0]!.path).toBe("/token?service=s&scope=repository%3Aa%3Apull&account=ann");
    // Name and password are for the token server: the registry sees tokens only.
    expect(
      server.seen.some(({ path, headers }) => path.startsWith("/v2") && headers.authorization === expected),
    ).toBe(false);
  });

  test("a token that the registry takes no more is replaced", async () => {
    const { server, valid, issued } = await tokenRegistry();
    using _ = server;
    using registry = await impatient(server.host, { credentials: async () => basic });
    await collect(registry.repository("a").getBlob(blob));
    valid.clear();
    await collect(registry.repository("a").getBlob(blob));
    expect(issued()).toBe(2);
  });

  test("requests whose token ended together ask for one new token", async () => {
    const { server, valid, issued } = await tokenRegistry();
    using _ = server;
    using registry = await impatient(server.host, { credentials: async () => basic });
    const repository = registry.repository("a");
    await collect(repository.getBlob(blob));
    valid.clear();
    await Promise.all([1, 2, 3, 4].map(() => collect(repository.getBlob(blob))));
    expect(issued()).toBe(2);
  });

  test("a refresh token is used as OAuth2 says", async () => {
    const { server } = await tokenRegistry();
    using _ = server;
    using registry = await impatient(server.host, {
      credentials: async () => ({ kind: "refresh", token: secret }),
    });
    await collect(registry.repository("a").getBlob(blob));
    expect(server.seen.find(({ path }) => path === "/token")?.method).toBe("POST");
  });

  test("a token server elsewhere says it itself", async () => {
    using tokens = await serve(
      (_, response) =>
        void response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}'),
    );
    using server = await serve((_, response) => {
      const challenge = `Bearer realm="http://${tokens.host}/token",service="s"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    const { text } = await failure(collect(registry.repository("a").getBlob(blob)));
    expect(text).toStartWith(`${server.host} refused the user name or password of ann`);
    expect(text).toContain(`(${tokens.host} says: UNAUTHORIZED who?)`);
    expect(text).toEndWith(`strake login ${server.host}`);
  });

  test("what a token server refuses is named", async () => {
    const { server } = await tokenRegistry();
    using _ = server;
    using registry = await impatient(server.host);
    const { code, text } = await failure(collect(registry.repository("a").getBlob(blob)));
    expect([code, text]).toEqual([
      "REGISTRY_UNAUTHORIZED",
      expect.stringContaining(`to pull from ${server.host}/a,`),
    ]);
  });
});

describe("credentials never go to another origin", () => {
  const challenge = { "www-authenticate": "Basic" };

  test("CVE-2020-15157: by a redirect", async () => {
    using elsewhere = await serve((request, response) => {
      if (request.url === "/ask") return void response.writeHead(401, challenge).end();
      response.end(content);
    });
    using server = await serve((request, response) => {
      if (request.headers.authorization !== expected) return void response.writeHead(401, challenge).end();
      const path = request.url!.includes("/b/") ? "ask" : "blob";
      response.writeHead(307, { location: `http://u:p@${elsewhere.host}/${path}` }).end();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    expect((await collect(registry.repository("a").getBlob(blob))).equals(content)).toBe(true);
    // One that asks for them does not get them either.
    expect((await failure(collect(registry.repository("b").getBlob(blob)))).code).toBe(
      "REGISTRY_UNAUTHORIZED",
    );
    expect(elsewhere.seen.length).toBe(2);
    expect(elsewhere.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test("by an upload's Location", async () => {
    using elsewhere = await serve(async (request, response) => {
      await readAll(request);
      response.writeHead(201).end();
    });
    using server = await serve((request, response) => {
      if (request.headers.authorization !== expected) return void response.writeHead(401, challenge).end();
      response.writeHead(202, { location: `http://${elsewhere.host}/up` }).end();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    await registry.repository("a").uploadBlob(blob, { open: (start, end) => [content.subarray(start, end)] });
    expect(elsewhere.seen.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ["PUT", undefined],
    ]);
  });

  test("by a page's link or an endless chain of redirects", async () => {
    using server = await serve((request, response) => {
      if (request.url!.includes("tags/list"))
        return void response
          .writeHead(200, { link: '<http://127.0.0.2:1/x>; rel="next"' })
          .end('{"tags":["v1","../x"]}');
      response.writeHead(302, { location: request.url! }).end();
    });
    using registry = await impatient(server.host, { credentials: async () => basic });
    expect(await Array.fromAsync(registry.repository("a").tags())).toEqual(["v1"]);
    expect((await failure(registry.ping())).code).toBe("REGISTRY_RESPONSE");
  });
});

test("challenges are read as written", () => {
  expect(
    parseChallenges('Bearer realm="https://x/t",service="a \\"b\\"", scope="r:a:pull,push", Basic realm=x'),
  ).toEqual([
    { scheme: "bearer", parameters: { realm: "https://x/t", service: 'a "b"', scope: "r:a:pull,push" } },
    { scheme: "basic", parameters: { realm: "x" } },
  ]);
  expect(parseChallenges("Negotiate")).toEqual([{ scheme: "negotiate", parameters: {} }]);
  for (const odd of [undefined, "", '="', '"', "a=", "x".repeat(20_000)])
    expect(parseChallenges(odd)).toBeArray();
});
