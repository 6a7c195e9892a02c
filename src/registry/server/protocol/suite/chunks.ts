import { expect, test } from "bun:test";
import { digestOf, fresh, type Served } from "./served.ts";

/** Blobs that come in chunks. */
export function testChunks(served: Served): void {
  const { call, begin } = served;

  test("chunks in order, the last with the PUT; out of order is 416 and harms nothing", async () => {
    const content = fresh(30);
    const location = await begin("blobs/chunks", "?digest-algorithm=sha256");
    const chunk = (method: string, range: string, body: string, query = "") =>
      call(location + query, { method, body, headers: { "Content-Range": range } });
    const first = await chunk("PATCH", "0-9", content.slice(0, 10));
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-9"]);
    for (const range of ["0-9", "20-29", "9-19", "11-20"]) {
      const refused = await chunk("PATCH", range, content.slice(0, 10));
      expect([refused.status, refused.headers.get("range")]).toEqual([416, "0-9"]);
    }
    expect((await chunk("PUT", "20-29", content.slice(20), `?digest=${digestOf(content)}`)).status).toBe(416);
    expect((await chunk("PATCH", "nonsense", "x")).status).toBe(416);
    expect((await chunk("PATCH", "10-29", content.slice(10, 20))).status).toBe(400);
    const status = await call(location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-9"]);
    expect(status.headers.get("location")).toBe(location);
    await chunk("PATCH", "10-19", content.slice(10, 20));
    const put = await chunk("PUT", "20-29", content.slice(20), `?digest=${digestOf(content)}`);
    expect(put.status).toBe(201);
    expect(await (await call(`/v2/blobs/chunks/blobs/${digestOf(content)}`)).text()).toBe(content);
    expect((await call(location)).status).toBe(404);
  });
}
