import { expect, test } from "bun:test";
import { mediaTypes } from "../../../../oci/index.ts";
import { digestOf, fresh, type Served } from "./served.ts";

/** What is no manifest, and what a manifest names and is not here. */
export function testRefusedManifests(served: Served): void {
  const { call, expectCode, imageOf, putManifest, pushImage } = served;

  test("what is no manifest is refused", async () => {
    const good = JSON.parse(await imageOf("manifests/bad"));
    const both = { ...good, manifests: [] };
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
    const schema1 = { schemaVersion: 1, name: "x", tag: "y", fsLayers: [], history: [] };
    const cases: [unknown, string][] = [
      ["{", mediaTypes.ociManifest],
      ["", mediaTypes.ociManifest],
      [[], mediaTypes.ociManifest],
      [both, mediaTypes.ociManifest], // CVE-2021-41190
      [good, mediaTypes.ociIndex],
      [index, mediaTypes.ociManifest],
      [{ ...both, mediaType: undefined }, mediaTypes.ociIndex],
      [schema1, mediaTypes.dockerSchema1Signed],
      [schema1, mediaTypes.dockerSchema1],
      [schema1, mediaTypes.dockerManifest],
      [good, "text/html"],
      [{ ...good, layers: [{ ...good.layers[0], digest: "sha256:../../x" }] }, mediaTypes.ociManifest],
      [{ ...good, layers: [{ ...good.layers[0], size: 5 }] }, mediaTypes.ociManifest],
    ];
    for (const [document, type] of cases) {
      const body = typeof document === "string" ? document : JSON.stringify(document);
      await expectCode(await putManifest("manifests/bad", "x", body, type), 400, "MANIFEST_INVALID");
    }
    const text = JSON.stringify(good);
    await expectCode(await putManifest("manifests/bad", digestOf("other"), text), 400, "DIGEST_INVALID");
    await expectCode(await putManifest("manifests/bad", "sha256:baddigest", text), 400, "DIGEST_INVALID");
    await expectCode(await putManifest("manifests/bad", ".x", text), 400, "TAG_INVALID");
    await expectCode(await putManifest("manifests/bad", "t".repeat(129), text), 400, "TAG_INVALID");
    expect(await (await call("/v2/manifests/bad/tags/list")).json()).toMatchObject({ tags: [] });
  });

  test("blobs that are not in the repository, layers that need not be", async () => {
    const body = await imageOf("manifests/from");
    await expectCode(await putManifest("manifests/other", "x", body), 404, "MANIFEST_BLOB_UNKNOWN");
    const foreign = {
      mediaType: mediaTypes.ociForeignLayerGzip,
      digest: digestOf(fresh()),
      size: 5,
      urls: ["https://x.example/y"],
    };
    const good = JSON.parse(body);
    const layers = [...good.layers, foreign];
    expect((await putManifest("manifests/from", "x", JSON.stringify({ ...good, layers }))).status).toBe(201);
  });

  test("an index, and a warning for what it names and is not here", async () => {
    const { digest, body } = await pushImage("manifests/index");
    const entry = { mediaType: mediaTypes.ociManifest, digest, size: body.length };
    const index = (...manifests: unknown[]) =>
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
    const whole = await putManifest("manifests/index", "whole", index(entry), mediaTypes.ociIndex);
    expect([whole.status, whole.headers.get("warning")]).toEqual([201, null]);
    const absent = { ...entry, digest: digestOf(fresh()) };
    const sparse = await putManifest("manifests/index", "sparse", index(entry, absent), mediaTypes.ociIndex);
    expect(sparse.status).toBe(201);
    expect(sparse.headers.get("warning")).toBe(
      `299 - "the index names ${absent.digest}, which is not in this repository"`,
    );
  });
}
