import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Digest, mediaTypes } from "../../../oci/index.ts";
import { Registry } from "../index.ts";

export const digestOf = (content: string | Uint8Array) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

export interface TestImage {
  readonly digest: Digest;
  readonly body: string;
  readonly config: Buffer<ArrayBuffer>;
  readonly layer: Buffer<ArrayBuffer>;
}

/** An image of a config and one layer of random bytes, pushed without asking whether it is there. */
export async function pushImage(
  base: string | URL,
  repository: string,
  reference: string,
  {
    size = 1000,
    layer = randomBytes(size),
  }: { readonly size?: number; readonly layer?: Buffer<ArrayBuffer> } = {},
): Promise<TestImage> {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", salt: crypto.randomUUID() }),
  );
  for (const blob of [config, layer]) {
    const url = new URL(`/v2/${repository}/blobs/uploads/`, base);
    const begun = await fetch(url, { method: "POST" });
    if (begun.status !== 202) throw new Error(`upload: ${begun.status} ${await begun.text()}`);
    const location = new URL(begun.headers.get("location")!, base);
    location.searchParams.set("digest", digestOf(blob));
    const put = await fetch(location, { method: "PUT", body: new Uint8Array(blob) });
    if (put.status !== 201) throw new Error(`blob: ${put.status} ${await put.text()}`);
  }
  const descriptor = (mediaType: string, blob: Buffer) => ({
    mediaType,
    digest: digestOf(blob),
    size: blob.byteLength,
  });
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
  });
  const digest = digestOf(body);
  await putManifest(base, repository, reference === "" ? digest : reference, {
    body,
    mediaType: mediaTypes.ociManifest,
  });
  return { digest, body, config, layer };
}

export async function putManifest(
  base: string | URL,
  repository: string,
  reference: string,
  { body, mediaType }: { readonly body: string; readonly mediaType: string },
): Promise<Digest> {
  const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
  const answer = await fetch(url, { method: "PUT", body, headers: { "Content-Type": mediaType } });
  if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`);
  return digestOf(body);
}

/** What happens to one request in place of being handed on; false hands it on. */
export type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A server on a real socket before a registry: counts what comes, and does to it what the test says. */
export async function meddler(target: string) {
  const seen: string[] = [];
  const state: { meddle: Meddle; target: string } = { meddle: () => false, target };
  const server = createServer((incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    void (async () => {
      if (await state.meddle(incoming, outgoing)) return;
      const { hostname, port } = new URL(state.target);
      const { method, url: path, headers } = incoming;
      const onward = request({ hostname, port, method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on("error", () => outgoing.destroy());
      incoming.pipe(onward);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    /** Requests that end so. */
    count: (method: string, end: string) =>
      seen.filter((line) => line.startsWith(`${method} `) && line.endsWith(end)).length,
    state,
    /** Breaks all connections off. */
    cut: () => server.closeAllConnections(),
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** An upstream, something that meddles before it, and a cache of it under `hub/`. */
export async function cached(
  options: Partial<Parameters<typeof Registry.start>[0]> & { proxy?: never; config?: object } = {},
) {
  const { config, ...rest } = options;
  const upstream = await Registry.start();
  const wire = await meddler(upstream.url.href);
  const cache = await Registry.start({ ...rest, proxy: [{ prefix: "hub", upstream: wire.url, ...config }] });
  const get = (path: string, init?: RequestInit) => fetch(new URL(`/v2/${path}`, cache.url), init);
  return {
    ...{ upstream, wire, cache, get },
    async [Symbol.asyncDispose]() {
      await cache.stop({ grace: 0 });
      wire[Symbol.dispose]();
      await upstream.stop({ grace: 0 });
    },
  };
}
