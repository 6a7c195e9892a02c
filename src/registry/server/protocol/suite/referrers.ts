import { expect, test } from "bun:test";
import { mediaTypes } from "../../../../oci/index.ts";
import { next } from "./link.ts";
import { digestOf, fresh, type Served } from "./served.ts";

/** What refers to a manifest. */
export function testReferrers(served: Served): void {
  const { call, putManifest, pushImage } = served;

  test("referrers", async () => {
    const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf(fresh()), size: 5 };
    const list = async (query = "") => {
      const response = await call(`/v2/lists/ref/referrers/${subject.digest}${query}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
      const { manifests } = (await response.json()) as { manifests: Record<string, unknown>[] };
      return { manifests, response };
    };
    expect((await list()).manifests).toEqual([]);
    const pushed = new Map<string, Awaited<ReturnType<typeof pushImage>>>();
    for (const kind of ["one", "two", "three"]) {
      const extra = { subject, artifactType: `application/x-${kind}`, annotations: { kind } };
      const image = await pushImage("lists/ref", undefined, kind === "three" ? { subject } : extra);
      expect(image.response.headers.get("oci-subject")).toBe(subject.digest);
      pushed.set(kind, image);
    }
    const { manifests } = await list();
    expect(manifests.map((entry) => entry.digest).sort()).toEqual(
      [...pushed.values()].map((p) => p.digest).sort(),
    );
    const one = pushed.get("one")!;
    expect(manifests).toContainEqual({
      mediaType: mediaTypes.ociManifest,
      digest: one.digest,
      size: one.body.length,
      artifactType: "application/x-one",
      annotations: { kind: "one" },
    });
    // Without an artifactType of its own an image counts as what its config is.
    const three = manifests.find((entry) => entry.digest === pushed.get("three")!.digest)!;
    expect(three.artifactType).toBe(mediaTypes.ociConfig);
    const filtered = await list("?artifactType=application/x-one");
    expect(filtered.manifests.map((entry) => entry.digest)).toEqual([one.digest]);
    expect(filtered.response.headers.get("oci-filters-applied")).toBe("artifactType");
    const seen: unknown[] = [];
    for (let query: string | undefined = "?n=1"; query; ) {
      const page = await list(query);
      expect(page.manifests.length).toBe(1);
      seen.push(...page.manifests);
      query = next(page.response)?.replace(/^[^?]*/, "");
    }
    expect(seen).toEqual(manifests);
    await call(`/v2/lists/ref/manifests/${one.digest}`, { method: "DELETE" });
    expect((await list()).manifests).toHaveLength(2);
    expect((await call("/v2/lists/ref/referrers/sha256:x")).status).toBe(400);
    expect((await call(`/v2/lists/nobody/referrers/${subject.digest}`)).status).toBe(200);
  });

  test("referrers that clients listed under the tag schema are folded in", async () => {
    const subject = digestOf(fresh());
    const api = await pushImage("lists/fold", undefined, {
      subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 5 },
    });
    const old = await pushImage("lists/fold");
    const entry = (image: typeof api) => ({
      mediaType: mediaTypes.ociManifest,
      digest: image.digest,
      size: image.body.length,
      artifactType: "application/x-old",
    });
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [entry(old), entry(api)],
    });
    await putManifest("lists/fold", subject.replace(":", "-"), index, mediaTypes.ociIndex);
    const listed = await (await call(`/v2/lists/fold/referrers/${subject}`)).json();
    const { manifests } = listed as { manifests: { digest: string }[] };
    expect(manifests.map(({ digest }) => digest).sort()).toEqual([api.digest, old.digest].sort());
  });
}
