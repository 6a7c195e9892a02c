import { expect, test } from "bun:test";
import type { Served } from "./served.ts";

/** Deletion of manifests and of tags. */
export function testManifestDeletes(served: Served): void {
  const { call, expectCode, putManifest, pushImage } = served;

  test("delete: a tag alone, a manifest with its tags", async () => {
    const { digest, body } = await pushImage("manifests/delete", "a");
    await putManifest("manifests/delete", "b", body);
    const other = await pushImage("manifests/delete", "c");
    const remove = (reference: string) =>
      call(`/v2/manifests/delete/manifests/${reference}`, { method: "DELETE" });
    const tags = async () =>
      ((await (await call("/v2/manifests/delete/tags/list")).json()) as { tags: string[] }).tags;
    expect((await remove("a")).status).toBe(202);
    expect((await call("/v2/manifests/delete/manifests/a")).status).toBe(404);
    expect((await call(`/v2/manifests/delete/manifests/${digest}`)).status).toBe(200);
    expect(await tags()).toEqual(["b", "c"]);
    expect((await remove(digest)).status).toBe(202);
    for (const reference of [digest, "b"])
      expect((await call(`/v2/manifests/delete/manifests/${reference}`)).status).toBe(404);
    expect(await tags()).toEqual(["c"]);
    for (const reference of ["a", digest, "nothing"])
      await expectCode(await remove(reference), 404, "MANIFEST_UNKNOWN");
    await remove(other.digest);
    // Its blobs are still there, so there is such a repository.
    expect(await tags()).toEqual([]);
    const { repositories } = (await (await call("/v2/_catalog")).json()) as { repositories: string[] };
    expect(repositories).not.toContain("manifests/delete");
  });
}
