import type { ServerResponse } from "node:http";
import { mediaTypes, sha256 } from "../../src/oci/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";

export interface Held {
  readonly manifest: Uint8Array;
  /** The blob that comes haltingly. */
  readonly large: Uint8Array;
  /** The only other one. */
  readonly small: Uint8Array;
}

/** A registry with one image, on a real socket. It sends the large blob, or the range of it, up to `until()` and then nothing more. */
export async function haltingRegistry({ manifest, large, small }: Held, until: () => number) {
  const starts: number[] = [];
  const server = await serve((request, response: ServerResponse) => {
    if (request.url!.includes("/manifests/"))
      return void response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(manifest);
    if (request.url!.includes("/tags/list")) return void response.end('{"name":"app","tags":["1"]}');
    if (!request.url!.endsWith(sha256(large))) return void response.end(small);
    const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    starts.push(start);
    const range = { "content-range": `bytes ${start}-${large.length - 1}/${large.length}` };
    response.writeHead(start === 0 ? 200 : 206, {
      "content-length": large.length - start,
      ...(start ? range : {}),
    });
    if (until() >= large.length) return void response.end(large.subarray(start));
    response.write(large.subarray(start, until()));
  });
  return { ...server, starts, reference: `${server.host}/app:1` };
}
