import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "../../src/oci/index.ts";
import { type LayeredImage, makeLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";
import { type Containerd, containerd, ctr, startContainerd } from "./containerd-daemon.ts";

/**
 * One hosts.toml before containerd and before strake: both must ask the same hosts, below the same paths, with the same ns= and headers, and
 * have the content from the same one. How often and with which method they ask is their own affair.
 */
let folder: string;
let daemon: Containerd;
let strake: Strake;
let image: LayeredImage;

/** What a host was asked and gave, in a form that does not depend on the client. */
interface Asked {
  readonly tags: boolean;
  readonly gave: boolean;
  readonly roots: readonly string[];
  readonly namespaces: readonly string[];
  readonly team: readonly string[];
}

interface Host {
  readonly host: string;
  take(): Asked;
  stop(): void;
}

/** A registry that has the image in every repository below every path, or nothing at all; uploads it refuses. */
function serve(isFull: boolean): Host {
  let seen: { method: string; url: URL; team: string; status: number }[] = [];
  const answer = (method: string, path: string): Response => {
    if (method !== "GET" && method !== "HEAD") return new Response("{}", { status: 405 });
    if (path.endsWith("/v2/")) return new Response("{}");
    const digest = path.split("/").at(-1)!;
    const isManifest = path.includes("/manifests/");
    const bytes = isManifest
      ? ["1", image.digest].includes(digest) && image.manifest
      : [...image.blobs].find(([each]) => each === digest)?.[1];
    if (!isFull || !bytes) return new Response("{}", { status: 404 });
    const type = isManifest ? mediaTypes.ociManifest : "application/octet-stream";
    const named = isManifest ? image.digest : digest;
    const headers = {
      ...{ "content-type": type, "docker-content-digest": named, "content-length": String(bytes.length) },
    };
    return new Response(method === "HEAD" ? null : bytes, { headers });
  };
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch(request) {
      const url = new URL(request.url);
      const response = answer(request.method, url.pathname);
      const team = request.headers.get("x-team") ?? "";
      seen.push({ method: request.method, url, team, status: response.status });
      return response;
    },
  });
  return {
    host: `127.0.0.1:${server.port}`,
    take() {
      const asked = seen.filter(({ url }) => /\/(?:manifests|blobs)\//.test(url.pathname));
      seen = [];
      const set = (of: (each: (typeof asked)[number]) => string) => [...new Set(asked.map(of))].sort();
      return {
        tags: asked.some(({ url }) => url.pathname.endsWith("/manifests/1")),
        gave: asked.some(
          ({ url, method, status }) => url.pathname.includes("/blobs/") && method === "GET" && status === 200,
        ),
        roots: set(({ url }) => url.pathname.split("/team/app/")[0]!),
        namespaces: set(({ url }) => url.searchParams.get("ns") ?? "none"),
        team: set(({ team }) => team),
      };
    },
    stop: () => void server.stop(true),
  };
}

async function run(words: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const child = Bun.spawn([...words], {
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, ...env },
  });
  return await child.exited;
}

describe.skipIf(!ctr || !containerd)("containerd and strake", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "strake-hosts-ctr-"));
    image = await makeLayeredImage([5000]);
    daemon = await startContainerd(folder);
    strake = makeStrake();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await strake?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const rr = 'capabilities = ["pull", "resolve"]';
  const cases: Record<
    string,
    { text: string; folder?: (host: string) => string; empty?: boolean; push?: true }
  > = {
    "a mirror": { text: `server = "http://O"\n[host."http://M"]\n${rr}\n` },
    "a mirror that has nothing": {
      empty: true,
      text: `server = "http://O"\n[host."http://M"]\n${rr}\n`,
    },
    "a mirror that may not say what a tag is": {
      text: 'server = "http://O"\n[host."http://M"]\ncapabilities = ["pull"]\n',
    },
    "a path": { text: `server = "http://O"\n[host."http://M/us"]\n${rr}\n` },
    "a path that is the API's": {
      text: `[host."http://M/v2/hub"]\noverride_path = true\n${rr}\n`,
    },
    headers: {
      text: `server = "http://O"\n[host."http://M"]\n${rr}\n[host."http://M".header]\nx-team = ["a"]\n`,
    },
    HOST_PORT_: { folder: (host) => host.replace(/:(\d+)$/, "_$1_"), text: `[host."http://M"]\n${rr}\n` },
    _default: { folder: () => "_default", text: `[host."http://M"]\n${rr}\n` },
    // containerd 1.6 does not take a file without any [host].
    "a server in place of the registry": {
      text: `server = "http://M"\n[host."http://127.0.0.1:1"]\n${rr}\n`,
    },
    "a push with a mirror": {
      push: true,
      text: `server = "http://O"\n[host."http://M"]\n${rr}\n`,
    },
    "a push with a host that says nothing of capabilities": {
      push: true,
      text: 'server = "http://O"\n[host."http://M"]\n',
    },
  };

  test.each(Object.entries(cases))("%s", async (title, { text, folder: named, empty, push }) => {
    const [origin, mirror] = [serve(true), serve(!empty)];
    const certs = mkdtempSync(join(folder, "certs-"));
    const reference = `${origin.host}/team/app:1`;
    const env = { ...strake.env, STRAKE_CERTS_DIR: certs } as Record<string, string>;
    const images = (...words: string[]) => run([...daemon.ctr, "images", ...words]);
    const hosts = ["--hosts-dir", certs];
    const taken = () => ({ origin: origin.take(), mirror: mirror.take() });
    try {
      if (push) {
        // Both need it first, from where it is.
        expect(await images("pull", "--plain-http", reference)).toBe(0);
        expect(await run([...strake.program, "pull", reference], env)).toBe(0);
      }
      const own = join(certs, named?.(origin.host) ?? origin.host);
      mkdirSync(own);
      const written = text.replaceAll("//O", `//${origin.host}`).replaceAll("//M", `//${mirror.host}`);
      writeFileSync(join(own, "hosts.toml"), written);
      taken();
      const theirCode = await images(push ? "push" : "pull", ...hosts, reference);
      const theirs = taken();
      const ourCode = await run([...strake.program, push ? "push" : "pull", reference], env);
      const ours = taken();
      if (!push) expect([title, theirCode, ourCode]).toEqual([title, 0, 0]);
      expect(theirs.origin.roots.length + theirs.mirror.roots.length).toBeGreaterThan(0);
      // A push asks first what is there, each client for something else.
      const compared = ({ tags, ...rest }: Asked) => ({ ...rest, ...(push ? {} : { tags }) });
      expect(compared(ours.origin)).toEqual(compared(theirs.origin));
      expect(compared(ours.mirror)).toEqual(compared(theirs.mirror));
      await images("rm", reference);
      await run([...daemon.ctr, "content", "prune", "references"]);
      await strake.run(["rmi", "-f", reference]);
    } finally {
      for (const host of [origin, mirror]) host.stop();
    }
  });
});
