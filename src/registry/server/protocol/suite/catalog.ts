import { expect, test } from "bun:test";
import { next } from "./link.ts";
import type { Served } from "./served.ts";

/** The list of repositories. */
export function testCatalog(served: Served): void {
  const { call, pushImage } = served;

  test("the catalog, in pages; CVE-2023-2253: n of a thousand million", async () => {
    for (const name of ["lists/c", "lists/c/d", "lists/c-d"]) await pushImage(name, "x");
    const all = ((await (await call("/v2/_catalog?n=1000000000")).json()) as { repositories: string[] })
      .repositories;
    expect(all.filter((name) => name.startsWith("lists/c"))).toEqual(["lists/c", "lists/c/d", "lists/c-d"]);
    const seen: string[] = [];
    for (let path: string | undefined = "/v2/_catalog?n=2"; path; ) {
      const page = await call(path);
      seen.push(...((await page.json()) as { repositories: string[] }).repositories);
      path = next(page);
    }
    expect(seen).toEqual(all);
    expect((await call("/v2/_catalog?n=-1")).status).toBe(400);
  });
}
