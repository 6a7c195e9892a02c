import { expect, test } from "bun:test";
import { digestOf, type Served } from "./served.ts";

/** Several tags with one push, and pushes of one tag at once. */
export function testTagParameters(served: Served): void {
  const { call, imageOf, putManifest } = served;

  test("a digest with many tags", async () => {
    const body = await imageOf("manifests/tags");
    const tags = Array.from({ length: 12 }, (_, i) => `t${i}`);
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    const digest = digestOf(body, "sha512");
    const put = await putManifest("manifests/tags", `${digest}?${query}`, body);
    expect([put.status, put.headers.get("oci-tag")]).toEqual([201, tags.join(", ")]);
    for (const tag of tags) {
      const got = await call(`/v2/manifests/tags/manifests/${tag}`, { method: "HEAD" });
      expect(got.headers.get("docker-content-digest")).toBe(digest);
    }
    expect((await putManifest("manifests/tags", `${digest}?tag=-x`, body)).status).toBe(400);
  });

  test("pushes of one tag at once: one of them has it at the end, none fails", async () => {
    const bodies = await Promise.all(Array.from({ length: 6 }, () => imageOf("race/tag")));
    const puts = await Promise.all(bodies.map((body) => putManifest("race/tag", "x", body)));
    expect(puts.map((put) => put.status)).toEqual(bodies.map(() => 201));
    expect(bodies).toContain(await (await call("/v2/race/tag/manifests/x")).text());
  });
}
