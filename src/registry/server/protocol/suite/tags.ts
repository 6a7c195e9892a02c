import { expect, test } from "bun:test";
import { next } from "./link.ts";
import type { Served } from "./served.ts";

/** The list of tags. */
export function testTags(served: Served): void {
  const { call, expectCode, imageOf, putManifest } = served;

  test("tags, sorted and in pages", async () => {
    const body = await imageOf("lists/tags");
    const tags = ["B", "a", "a-1", "a.1", "a1", "b", "z_"];
    for (const tag of [...tags].reverse()) await putManifest("lists/tags", tag, body);
    const all = await call("/v2/lists/tags/tags/list");
    expect(await all.json()).toEqual({ name: "lists/tags", tags: [...tags].sort() });
    expect(next(all)).toBeUndefined();
    const seen: string[] = [];
    let pages = 0;
    for (let path: string | undefined = "/v2/lists/tags/tags/list?n=3"; path; pages++) {
      const page = await call(path);
      seen.push(...((await page.json()) as { tags: string[] }).tags);
      path = next(page);
    }
    expect([seen, pages]).toEqual([[...tags].sort(), 3]);
    const list = async (query: string) => {
      const response = await call(`/v2/lists/tags/tags/list?${query}`);
      return [((await response.json()) as { tags: string[] }).tags, next(response)];
    };
    expect(await list("n=0")).toEqual([[], undefined]);
    expect(await list("last=a1")).toEqual([["b", "z_"], undefined]);
    expect(await list("last=a0&n=1")).toEqual([["a1"], "/v2/lists/tags/tags/list?n=1&last=a1"]);
    expect(await list("last=zz")).toEqual([[], undefined]);
    expect(((await list("n=1000000000")) as [string[]])[0]).toHaveLength(7);
    for (const query of ["n=-1", "n=x", "n=1e9"])
      expect((await call(`/v2/lists/tags/tags/list?${query}`)).status).toBe(400);
    await expectCode(await call("/v2/lists/nobody/tags/list"), 404, "NAME_UNKNOWN");
  });
}
