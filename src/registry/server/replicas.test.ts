import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { findS3Server, s3Credentials, startS3Server } from "../../../test/support/s3-server.ts";

const found = findS3Server();
const reason = "reason" in found ? found.reason : undefined;
if (reason) console.log(`replicas over one bucket are not tested: ${reason}`);

const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** A registry process over a bucket. */
async function startReplica(options: object) {
  const program = `
    import { Registry, S3Store } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const registry = await Registry.start({ storage: await S3Store.open(${JSON.stringify(options)}) });
    console.log(registry.url.href);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  const url = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
  return { child, url };
}

test.skipIf(reason !== undefined)(
  "three replicas over one bucket, one killed in the middle of pushes: nothing acknowledged is lost",
  async () => {
    if ("reason" in found) return;
    await using server = await startS3Server(found.path);
    const options = { endpoint: server.endpoint, bucket: server.bucket(), credentials: s3Credentials };
    const replicas = await Promise.all([1, 2, 3].map(() => startReplica(options)));
    try {
      const acknowledged = new Map<string, string>();
      /** Pushes images to one replica after the other until there are enough; a replica that is gone is left out. */
      const pusher = async (worker: number) => {
        for (let i = 0; i < 12; i++) {
          const { url } = replicas[(worker + i) % replicas.length]!;
          const tag = `w${worker}-${i}`;
          const body = await pushImage(url, "team/app", tag).catch(() => undefined);
          if (body !== undefined) acknowledged.set(tag, body);
          if (worker === 0 && i === 4) replicas[1]!.child.kill("SIGKILL");
        }
      };
      await Promise.all([0, 1, 2, 3, 4].map(pusher));
      const alive = [replicas[0]!, replicas[2]!];
      expect(acknowledged.size).toBeGreaterThan(30);
      for (const { url } of alive) {
        const list = (await (await fetch(`${url}v2/team/app/tags/list`)).json()) as { tags: string[] };
        for (const [tag, body] of acknowledged) {
          expect(list.tags).toContain(tag);
          const got = await fetch(`${url}v2/team/app/manifests/${tag}`);
          expect(await got.text()).toBe(body);
          const { config } = JSON.parse(body) as { config: { digest: string } };
          const blob = await fetch(`${url}v2/team/app/blobs/${config.digest}`);
          expect(digestOf(await blob.text())).toBe(config.digest);
        }
      }
      // An upload that one replica began goes on at another.
      const begun = await fetch(`${alive[0]!.url}v2/team/app/blobs/uploads/`, { method: "POST" });
      const path = begun.headers.get("location")!.slice(1);
      expect((await fetch(alive[1]!.url + path, { method: "PATCH", body: "first " })).status).toBe(202);
      expect((await fetch(alive[0]!.url + path, { method: "PATCH", body: "second" })).status).toBe(202);
      const digest = digestOf("first second");
      expect((await fetch(`${alive[1]!.url}${path}?digest=${digest}`, { method: "PUT" })).status).toBe(201);
      expect(await (await fetch(`${alive[0]!.url}v2/team/app/blobs/${digest}`)).text()).toBe("first second");
      // A tag moved through one is seen through the other at once.
      for (let i = 0; i < 6; i++) {
        const body = await pushImage(alive[i % 2]!.url, "team/app", "latest");
        expect(await (await fetch(`${alive[(i + 1) % 2]!.url}v2/team/app/manifests/latest`)).text()).toBe(
          body,
        );
      }
    } finally {
      for (const { child } of replicas) child.kill();
      await Promise.all(replicas.map(({ child }) => child.exited));
    }
  },
  120_000,
);

/** An image of one blob; resolves to its manifest when everything was acknowledged. */
async function pushImage(url: string, repository: string, tag: string): Promise<string> {
  const content = JSON.stringify({ unique: crypto.randomUUID() });
  const digest = digestOf(content);
  const blob = await fetch(`${url}v2/${repository}/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: content,
  });
  if (blob.status !== 201) throw new Error(`blob: ${blob.status}`);
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [] });
  const target = `${url}v2/${repository}/manifests/${tag}`;
  const manifest = await fetch(target, { method: "PUT", body, headers: { "Content-Type": manifestType } });
  if (manifest.status !== 201) throw new Error(`manifest: ${manifest.status}`);
  return body;
}
