import { expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { mediaTypes } from "../../../oci/index.ts";
import { Registry } from "../server.ts";

interface Received {
  readonly headers: Headers;
  readonly body: string;
}

/** A receiver that answers as it is told; 204 when it is told nothing. */
function receiver(answer: (count: number) => Response | Promise<Response> | undefined = () => undefined) {
  const received: Received[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      received.push({ headers: request.headers, body: await request.text() });
      return (await answer(received.length)) ?? new Response(null, { status: 204 });
    },
  });
  return {
    received,
    url: server.url.href,
    events: () => received.map(({ body }) => JSON.parse(body) as Record<string, unknown>),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function pushImage(registry: Registry, repository: string, tag: string) {
  const digest = `sha256:${createHash("sha256").update("{}").digest("hex")}`;
  const uploads = `${registry.url}v2/${repository}/blobs/uploads/?digest=${digest}`;
  await fetch(uploads, { method: "POST", body: "{}" });
  const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
  const headers = { "Content-Type": mediaTypes.ociManifest };
  const target = `${registry.url}v2/${repository}/manifests/${tag}`;
  expect((await fetch(target, { method: "PUT", body, headers })).status).toBe(201);
}

const remove = (registry: Registry, path: string) => fetch(`${registry.url}v2/${path}`, { method: "DELETE" });

test("that a receiver does not take events is told once, without its path, until it takes one again", async () => {
  let status = 500;
  await using hook = receiver(() => new Response(null, { status }));
  const told: string[] = [];
  const registry = await Registry.start({
    webhooks: [{ url: `${hook.url}secret?token=hunter2` }],
    webhookOptions: { attempts: 2, backOff: 1 },
    onFailure: (work, error) => told.push(`${work}: ${(error as Error).message}`),
  });
  const push = async (tag: string, events: number) => {
    await pushImage(registry, "team/app", tag);
    while (hook.received.length < events) await Bun.sleep(2);
  };
  await push("a", 2);
  await push("b", 4);
  status = 204;
  await push("c", 5);
  status = 404;
  await push("d", 6);
  await registry.stop({ grace: 5000 });
  const origin = new URL(hook.url).origin;
  expect(told).toEqual([
    `webhook: ${origin} was not told of manifest.pushed: it answered 500`,
    `webhook: ${origin} was not told of manifest.pushed: it answered 404`,
  ]);
});

test("pushes and deletions are told in order, signed; pulls and other repositories are not", async () => {
  await using hook = receiver();
  const secret = "between us";
  const registry = await Registry.start({
    webhooks: [{ url: hook.url, secret, repositories: "team/**", headers: { Authorization: "Bearer x" } }],
  });
  await pushImage(registry, "team/app", "v1");
  await pushImage(registry, "other", "v1");
  await (await fetch(`${registry.url}v2/team/app/manifests/v1`)).text();
  await remove(registry, "team/app/manifests/v1");
  // What waits is delivered before the registry is gone.
  await registry.stop({ grace: 5000 });
  expect(hook.events()).toEqual([
    expect.objectContaining({ type: "manifest.pushed", repository: "team/app", tags: ["v1"] }),
    expect.objectContaining({ type: "tag.deleted", repository: "team/app", tag: "v1" }),
  ]);
  for (const { headers, body } of hook.received) {
    const hmac = createHmac("sha256", secret).update(body).digest("hex");
    expect(headers.get("x-hub-signature-256")).toBe(`sha256=${hmac}`);
    expect(headers.get("authorization")).toBe("Bearer x");
    expect(headers.get("strake-event")).toBe(JSON.parse(body).type);
    expect(headers.get("strake-delivery")).toBe(JSON.parse(body).id);
    expect(new Date(JSON.parse(body).at).getTime()).toBeCloseTo(Date.now(), -5);
  }
});

test("a receiver that fails is asked again with the same delivery, one that refuses is not", async () => {
  await using failing = receiver((count) => (count < 3 ? new Response(null, { status: 503 }) : undefined));
  await using refusing = receiver(() => new Response(null, { status: 404 }));
  await using elsewhere = receiver();
  await using moving = receiver(() => Response.redirect(elsewhere.url, 307));
  const registry = await Registry.start({
    webhooks: [failing, refusing, moving].map(({ url }) => ({ url })),
    webhookOptions: { backOff: 1 },
  });
  await pushImage(registry, "a", "v1");
  const metrics = async () => (await fetch(`${registry.url}metrics`)).text();
  const ends = [
    'strake_registry_webhooks_total{outcome="delivered"} 1\n',
    'strake_registry_webhooks_total{outcome="failed"} 2\n',
  ];
  const areCounted = async () => {
    const page = await metrics();
    return ends.every((line) => page.includes(line));
  };
  while (!(await areCounted())) await Bun.sleep(10);
  expect(new Set(failing.received.map(({ headers }) => headers.get("strake-delivery"))).size).toBe(1);
  // Long enough for a second attempt, if there were one.
  await Bun.sleep(100);
  expect(await areCounted()).toBe(true);
  expect(failing.received).toHaveLength(3);
  await registry.stop({ grace: 1000 });
  expect(refusing.received).toHaveLength(1);
  expect(moving.received).toHaveLength(1);
  expect(elsewhere.received).toHaveLength(0);
});

test("a receiver that hangs holds up neither pushes nor others, and its queue is bounded", async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<Response>();
  await using hanging = receiver(() => never);
  await using quick = receiver();
  const registry = await Registry.start({
    webhooks: [{ url: hanging.url }, { url: quick.url }],
    webhookOptions: { queue: 3 },
  });
  for (let i = 0; i < 8; i++) {
    await pushImage(registry, "a", `v${i}`);
    // Its queue is as short as the other's.
    while (quick.received.length <= i) await Bun.sleep(1);
  }
  const metrics = await (await fetch(`${registry.url}metrics`)).text();
  expect(metrics).toContain('outcome="dropped"} 4');
  // Stopping does not wait for it beyond the grace.
  await registry.stop({ grace: 200 });
  expect(hanging.received).toHaveLength(1);
  end(new Response());
});

test("a URL that is none of HTTP is refused without being repeated", async () => {
  const webhooks = [{ url: "file:///etc/secret" }];
  const error = await Registry.start({ webhooks }).catch((error: Error & { code: string }) => error);
  expect(error).toMatchObject({ code: "USAGE" });
  expect((error as Error).message).not.toContain("secret");
});

test("a header that is configured in another case does not stand beside ours; patterns mean what they mean in policies", async () => {
  await using hook = receiver();
  const headers = { "content-type": "text/x", "strake-event": "x", authorization: "Bearer t" };
  const webhooks = [{ url: hook.url, headers, repositories: "**/app" }];
  await using registry = await Registry.start({ webhooks });
  await pushImage(registry, "app", "v1");
  await pushImage(registry, "team/app", "v1");
  while (hook.received.length === 0) await Bun.sleep(5);
  await Bun.sleep(50);
  expect(hook.events().map(({ repository }) => repository)).toEqual(["team/app"]);
  const sent = hook.received[0]!.headers;
  expect(sent.get("content-type")).toBe("application/json");
  expect(sent.get("strake-event")).toBe("manifest.pushed");
  expect(sent.get("authorization")).toBe("Bearer t");
});
