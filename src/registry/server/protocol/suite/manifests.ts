import { expect, test } from "bun:test";
import { mediaTypes } from "../../../../oci/index.ts";
import { digestOf, type Served } from "./served.ts";

/** Manifests as they were pushed, by tag and by digest. */
export function testManifests(served: Served): void {
  const { call, expectCode, imageOf, putManifest, pushImage } = served;

  test("exact bytes, exact type, by tag and by digest", async () => {
    const { body, digest, response } = await pushImage("manifests/exact", "v1");
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(response.headers.get("location")).toBe(`/v2/manifests/exact/manifests/${digest}`);
    for (const reference of ["v1", digest, encodeURIComponent(digest)]) {
      for (const method of ["GET", "HEAD"]) {
        const got = await call(`/v2/manifests/exact/manifests/${reference}`, { method });
        expect(got.headers.get("content-type")).toBe(mediaTypes.ociManifest);
        expect(got.headers.get("docker-content-digest")).toBe(digest);
        expect(got.headers.get("content-length")).toBe(String(body.length));
        expect(await got.text()).toBe(method === "GET" ? body : "");
      }
    }
  });

  test("parameters of the Content-Type are cut, Docker's types are kept", async () => {
    const docker = JSON.parse(await imageOf("manifests/types"));
    delete docker.mediaType;
    const body = JSON.stringify(docker);
    await putManifest("manifests/types", "d", body, `${mediaTypes.dockerManifest}; charset=utf-8`);
    const got = await call("/v2/manifests/types/manifests/d");
    expect(got.headers.get("content-type")).toBe(mediaTypes.dockerManifest);
  });

  test("a tag moves, and what it pointed to stays", async () => {
    const first = await pushImage("manifests/move", "latest");
    const second = await pushImage("manifests/move", "latest");
    expect(await (await call("/v2/manifests/move/manifests/latest")).text()).toBe(second.body);
    expect(await (await call(`/v2/manifests/move/manifests/${first.digest}`)).text()).toBe(first.body);
  });

  test("a manifest of 4 MiB is taken, a larger one is 413", async () => {
    const room = (size: number) => ({ annotations: { large: "a".repeat(size) } });
    const base = (await imageOf("manifests/large", room(0))).length;
    const body = await imageOf("manifests/large", room((4 << 20) - base - 10));
    expect((await putManifest("manifests/large", "fits", body)).status).toBe(201);
    expect((await (await call("/v2/manifests/large/manifests/fits")).text()).length).toBe(body.length);
    const larger = await imageOf("manifests/large", room(4 << 20));
    await expectCode(await putManifest("manifests/large", "not", larger), 413, "SIZE_INVALID");
    // One that does not say how large it is, and has no end.
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1 << 20;
        if (sent > 1 << 30) controller.error(new Error("it was read to its end"));
        else controller.enqueue(new Uint8Array(1 << 20).fill(0x20));
      },
    });
    const refused = await call("/v2/manifests/large/manifests/not", {
      ...{ method: "PUT", body: endless, headers: { "Content-Type": mediaTypes.ociManifest } },
    });
    await expectCode(refused, 413, "SIZE_INVALID");
  });

  test("missing ones are 404, malformed digests 400", async () => {
    const path = "/v2/manifests/exact/manifests";
    for (const reference of ["missing", ".INVALID", digestOf("missing")])
      await expectCode(await call(`${path}/${reference}`), 404, "MANIFEST_UNKNOWN");
    await expectCode(await call(`${path}/sha256:x`), 400, "DIGEST_INVALID");
    await expectCode(await call(`/v2/manifests/exact/blobs/sha256:x`), 400, "DIGEST_INVALID");
  });
}
