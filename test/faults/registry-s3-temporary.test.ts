import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../src/oci/index.ts";
import { mount, umount } from "../../src/sys/index.ts";
import { findS3Server, type S3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";

const found = findS3Server();
const obstacle = "reason" in found ? found.reason : process.getuid?.() === 0 ? undefined : "not root";
if (obstacle) console.log(`skipped: no room for the temporary files of a registry over S3: ${obstacle}`);

const mib = 1 << 20;

describe.skipIf(obstacle !== undefined)("a registry over S3 without room for its temporary files", () => {
  let s3: S3Server;
  let served: ServedRegistry;
  let bucket: string;
  const folder = mkdtempSync(join(tmpdir(), "strake-no-room-"));
  const log = `${folder}.log`;

  beforeAll(async () => {
    if (!("path" in found)) return;
    s3 = await startS3Server(found.path);
    // Room for two parts and a half.
    mount({ source: "tmpfs", target: folder, type: "tmpfs", data: "size=20m,mode=700" });
    bucket = s3.bucket();
    const { accessKeyId, secretAccessKey } = s3Credentials;
    const env = {
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      ...{ TMPDIR: folder, AWS_ENDPOINT_URL: s3.endpoint },
    };
    const flags = ["--quiet=false", "--log", log, "--storage", `s3://${bucket}`, "--listen", "127.0.0.1:0"];
    served = await serveRegistry(flags, env);
  });
  afterAll(async () => {
    await served.kill();
    await s3[Symbol.asyncDispose]();
    umount(folder);
    rmdirSync(folder);
    rmSync(log, { force: true });
  });

  const blob = (size: number, byte: number) => new Uint8Array(size).fill(byte);
  const base = () => `${served.url}v2/a/b/blobs`;
  const push = (bytes: Uint8Array<ArrayBuffer>) =>
    fetch(`${base()}/uploads/?digest=${sha256(bytes)}`, { method: "POST", body: new Blob([bytes]) });
  const stored = async () =>
    (await Array.fromAsync(new Bun.Glob("**").scan({ cwd: s3.folder(bucket), dot: true }))).filter((name) =>
      /^(?:blobs|_uploads)\/|multipart/.test(name),
    );

  test("is told with 507 where the room is missing, leaves nothing half-made, and takes pushes when there is room", async () => {
    const filler = join(folder, "filler");
    writeFileSync(filler, blob(19 * mib, 1));
    const bytes = blob(12 * mib, 2);
    // Whole in one request, in chunks, and whole after a beginning.
    expect((await push(bytes)).status).toBe(507);
    const begin = async () => {
      const begun = await fetch(`${base()}/uploads/`, { method: "POST" });
      return new URL(begun.headers.get("location")!, served.url);
    };
    const place = await begin();
    expect((await fetch(place, { method: "PATCH", body: new Blob([bytes]) })).status).toBe(507);
    expect((await fetch(place)).status).toBe(404);
    const other = await begin();
    other.searchParams.set("digest", sha256(bytes));
    const refused = await fetch(other, { method: "PUT", body: new Blob([bytes]) });
    expect([refused.status, await refused.text()]).toEqual([507, expect.stringContaining("no room")]);
    expect(await stored()).toEqual([]);
    // What happened is in the log, with the place: the client is not told of paths. A line is written when its answer has been sent.
    const said = () => readFileSync(log, "utf8");
    for (let tries = 0; tries < 100 && !said().includes("ENOSPC"); tries++) await Bun.sleep(50);
    expect(said()).toContain(`a temporary file in ${folder} cannot be written`);
    expect(said()).toContain("ENOSPC");
    expect((await fetch(served.url)).status).toBe(200);

    rmSync(filler);
    expect((await push(bytes)).status).toBe(201);
    const got = await (await fetch(`${base()}/${sha256(bytes)}`)).arrayBuffer();
    expect(sha256(new Uint8Array(got))).toBe(sha256(bytes));
  }, 30_000);
});
