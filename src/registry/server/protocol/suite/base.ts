import { expect, test } from "bun:test";
import type { Served } from "./served.ts";

/** The base and the paths that are none. */
export function testBase(served: Served): void {
  const { call } = served;

  test("the base answers, other paths do not", async () => {
    const base = await call("/v2/");
    expect([base.status, base.headers.get("docker-distribution-api-version")]).toEqual([200, "registry/2.0"]);
    for (const path of ["/v2/a", "/v2/a/b", "/v1/", "/v2/a/unknown/x", "/v2/_unknown"])
      expect((await call(path)).status).toBe(404);
    expect((await call("/v2/", { method: "DELETE" })).status).toBe(405);
  });
}
